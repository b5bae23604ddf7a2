# SPDX-License-Identifier: GPL-2.0
#
# For people. The kernel's build system reads Kbuild instead.

KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build

# Where packages go: where Debian's own tools put them.
OUT ?= ..

# The version stands in dkms.conf alone.
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)

.PHONY: all load unload install uninstall deb modules-deb run check check-long check-packages \
	bench lint clean help

all:
	@tools/host headers '$(KVER)' '$(KDIR)'
	+@$(MAKE) -C '$(KDIR)' M='$(CURDIR)' modules

load: all
	@tools/host load

unload:
	@tools/host unload

install:
	@tools/host install '$(KVER)' '$(VERSION)'

uninstall:
	@tools/host uninstall '$(VERSION)'

deb:
	@tools/packaging/deb '$(OUT)'

modules-deb: export SIGN_KEY := $(SIGN_KEY)
modules-deb: export SIGN_CERT := $(SIGN_CERT)
modules-deb:
	@tools/packaging/modules-deb '$(KVER)' '$(KDIR)' '$(VERSION)' '$(OUT)'

run:
	@tools/demo

check:
	@tools/lab/check $(K)

check-long:
	@tools/lab/check -l $(K)

check-packages:
	@tools/lab/lifecycle $(K)

bench:
	@tools/lab/bench

lint:
	@tools/lint

clean:
	@rm -rf .tmp_versions .module-common.o .*.cmd *.ko *.o *.mod *.mod.c \
		Module.symvers modules.order module/*.o module/.*.cmd

help:
	@echo 'make            build the module for the running kernel, or for KDIR='
	@echo 'make run        try it in a virtual machine'
	@echo 'make load       build it, load it into the running kernel, show its files'
	@echo 'make unload     unload it'
	@echo 'make install    install it through DKMS, for KVER='
	@echo 'make uninstall  undo that'
	@echo 'make deb        build Debian packages into .., or OUT=: tool, service, DKMS source'
	@echo 'make modules-deb  the module for kernel KVER= as a package into .., or OUT=;'
	@echo '                signed if SIGN_KEY= and SIGN_CERT= name a key and its certificate'
	@echo 'make check      run all tests, or those of one kernel: K=6.12'
	@echo 'make check-long what takes longer: KCSAN, another debug kernel, stresses, fuzzing, the'
	@echo '                kernel'"'"'s own network selftests, longest sections'
	@echo 'make check-packages  install, boot, upgrade and purge the Debian packages in guests,'
	@echo '                with 6.12 and 7.2, or one: K=6.12'
	@echo 'make bench      measure it beside what else could be used: selftests/bench/RESULTS.md'
	@echo 'make lint       check the style of the sources'
	@echo 'make clean      remove what was built here'
