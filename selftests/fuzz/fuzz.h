/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fuzz targets: bytes that libFuzzer makes up are taken for what a parser reads, or for
 * what a formatter is to write, and what comes of it must have the properties that the
 * target states. One that has not ends the target, see must() and die() in lib/base.h.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct input - bytes that are not used up yet
 * @at: where they are
 * @left: how many
 *
 * Where there are none left all that is taken of them is 0.
 */
struct input {
	const uint8_t *at;
	size_t left;
};

uint32_t in_below(struct input *in, uint32_t n);
uint64_t in_number(struct input *in);
void in_bytes(struct input *in, void *to, size_t n);
char *in_copy(struct input *in, size_t n);
char *in_part(struct input *in, char end);

/* Does a text have nothing but printable ASCII, and newlines if @lines? */
bool is_plain(const char *text, size_t len, bool lines);

/* A word with each \ooo taken for the byte it stands for, and how many there are. */
char *unescape(const char *word, size_t len, size_t *bytes);

/* What a target defines; the name is libFuzzer's. Returns 0. */
int fuzz_one(const uint8_t *data, size_t size) __asm__("LLVMFuzzerTestOneInput");

#endif /* FUZZ_H */
