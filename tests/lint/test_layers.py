"""tools/lint/layers finds forbidden includes, foreign libraries and impure symbols."""
import os
import shutil
import subprocess
import unittest

from planted import Planted

TABLE = """set(LAYER_base "")
set(LAYER_bus base)
set(LAYER_definition base)
set(LAYER_engine base definition)
set(HOME_nats bus)
"""
IMPURE = ("time", "clock_gettime", "getenv", "rand", "fopen", "printf", "pthread_create", "socket",
          "open", "getrandom", "usleep", "log_line")


class Layers(Planted):
    tool = "layers"

    def setUp(self):
        super().setUp()
        self.plant("tools/cmake/Layers.cmake", TABLE)
        self.plant("common/base/CMakeLists.txt", "layer(base SOURCES str.c)\n")
        self.plant("common/base/str.h", "int str(void);\n")
        self.plant("common/base/str.c", '#include "common/base/str.h"\n')
        self.plant("common/bus/CMakeLists.txt", "layer(bus\n  SOURCES bus.c\n  USES base)\n")
        self.plant("common/bus/bus.h", "int bus(void);\n")
        self.plant("common/bus/bus.c", '#include "common/base/str.h"\n#include <nats/nats.h>\n')
        self.plant("coordinator/engine/CMakeLists.txt", "layer(engine SOURCES engine.c)\n")
        self.plant("coordinator/engine/engine.c", '#include "common/base/str.h"\n')
        self.plant("coordinator/engine/engine.h", "int engine(void);\n")

    def test_a_project_in_order_is_clean(self):
        self.clean()

    def test_a_forbidden_layer(self):
        self.plant("coordinator/engine/engine.c", '\n#include "common/bus/bus.h"\n')
        self.found("coordinator/engine/engine.c:2:", "belongs to layer bus")

    def test_a_forbidden_layer_in_a_sub_folder(self):
        self.plant("coordinator/engine/process/set.c", '#include "common/bus/bus.h"\n')
        self.found("coordinator/engine/process/set.c:1:", "belongs to layer bus")

    def test_a_header_that_goes_up(self):
        self.plant("common/base/str.h", '#include "common/bus/bus.h"\n')
        self.found("common/base/str.h:1:", "belongs to layer bus")

    def test_a_library_away_from_home(self):
        self.plant("coordinator/engine/engine.c", "#include <nats/nats.h>\n")
        self.found("coordinator/engine/engine.c:1:", "whose home is bus")

    def test_a_library_without_a_home(self):
        self.plant("common/base/str.c", "#include <rocksdb/c.h>\n")
        self.found("common/base/str.c:1:", "whose home is nowhere")

    def test_a_test_header_in_the_product(self):
        self.plant("tests/support/ledger.h", "int ledger(void);\n")
        self.plant("common/bus/bus.c", '#include "tests/support/ledger.h"\n')
        self.found("common/bus/bus.c:1:", "belongs to the tests")

    def test_tests_may_include_everything(self):
        self.plant("tests/unit/bus.c", '#include "common/bus/bus.h"\n#include <rocksdb/c.h>\n')
        self.clean()

    def test_generated_code_in_a_layer_without_it(self):
        self.plant("common/base/str.c", '#include "proto/task.pb-c.h"\n')
        self.found("common/base/str.c:1:", "generated protobuf code")

    def test_a_layer_that_the_table_does_not_know(self):
        self.plant("common/odd/CMakeLists.txt", "layer(odd SOURCES odd.c)\n")
        self.found("common/odd/CMakeLists.txt:1:", "is not in")

    def test_a_program_may_use_what_its_layers_use(self):
        self.plant("tools/x/CMakeLists.txt", "program(x SOURCES main.c USES bus)\n")
        self.plant("tools/x/main.c", '#include "common/bus/bus.h"\n#include "common/base/str.h"\n')
        self.clean()
        self.plant("tools/x/main.c", '#include "coordinator/engine/engine.h"\n')
        self.found("tools/x/main.c:1:", "belongs to layer engine")

    @unittest.skipUnless(shutil.which("gcc") and shutil.which("nm"), "no gcc")
    def test_symbols_of_a_pure_library(self):
        build = os.path.join(self.root, "build")
        self.build_engine("unsigned long strlen(const char *s);\n"
                          "unsigned long f(const char *s) { return strlen(s); }\n")
        self.clean("--build", build)
        for name in IMPURE:
            self.build_engine(f"int {name}(void);\nint f(void) {{ return {name}(); }}\n")
            self.found(os.path.join(build, "libengine.a(engine.o):"), f"imports {name};",
                       "--build", build)

    @unittest.skipUnless(shutil.which("gcc") and shutil.which("nm"), "no gcc")
    def test_a_name_in_two_layers(self):
        build = os.path.join(self.root, "build")
        self.build_engine("int f(void) { return 1; }\nstatic int own(void) { return 1; }\n")
        self.build_layer("bus", "int g(void) { return 2; }\nstatic int own(void) { return 1; }\n")
        self.clean("--build", build)
        self.build_layer("bus", "int f(void) { return 2; }\n")
        self.found(os.path.join(build, "libengine.a(engine.o):"), "defines f, and so does libbus.a",
                   "--build", build)

    def build_engine(self, text):
        self.build_layer("engine", text)

    def build_layer(self, name, text):
        self.plant(f"build/{name}.c", text)
        folder = os.path.join(self.root, "build")
        subprocess.run(["gcc", "-fno-builtin", "-w", "-c", f"{name}.c"], cwd=folder, check=True)
        archive = os.path.join(folder, f"lib{name}.a")
        if os.path.exists(archive):
            os.remove(archive)
        subprocess.run(["ar", "rcs", archive, f"{name}.o"], cwd=folder, check=True)


if __name__ == "__main__":
    unittest.main()
