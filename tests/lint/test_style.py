"""tools/lint/style finds each thing it knows, and its baseline is a ratchet."""
import shutil
import unittest

from planted import Planted

BANNED = ("strcpy", "sprintf", "strtok", "gmtime", "localtime", "atoi", "rand", "assert")


class Style(Planted):
    tool = "style"

    def test_a_file_in_order_is_clean(self):
        self.plant("a/b.h", "#ifndef A_B_H\n#define A_B_H\nint b(void); // gets(x)\n#endif\n")
        self.plant("a/b.c", 'const char *text = "strcpy(a, b)";\nint my_rand(void);\n')
        self.clean()

    def test_line_length(self):
        self.plant("a.c", "int a;\n/* " + "x" * 98 + "\n*/\n")
        self.found("a.c:2:", "[line-length]")

    def test_tab(self):
        self.plant("a.c", "int a;\n\tint b;\n")
        self.found("a.c:2:", "[tab]")

    def test_trailing_space(self):
        self.plant("a.md", "text \n")
        self.found("a.md:1:", "[trailing-space]")

    def test_final_newline(self):
        self.plant("a.c", "int a;")
        self.found("a.c:1:", "[final-newline]")

    def test_header_guard(self):
        self.plant("a/b.h", "#ifndef B_H\n#define B_H\n#endif\n")
        self.found("a/b.h:1:", "A_B_H [header-guard]")

    def test_file_length(self):
        self.plant("a.c", "int a;\n" * 801)
        self.found("a.c:1:", "[file-length]")

    def test_banned_functions(self):
        for name in BANNED:
            self.plant("a.c", f"void f(void)\n{{\n    {name}(x);\n}}\n")
            self.found("a.c:3:", f"{name}() is banned")

    def test_words(self):
        for word in ("/wor" + "k/shared", "/hom" + "e/me/x", "/roo" + "t/x", "TO" + "DO"):
            self.plant("README.md", f"see {word}\n")
            self.found("README.md:1:", "[word]")

    def test_data_is_left_alone(self):
        self.plant("tests/data/set/a.c", "\tgets(x)")
        self.clean()

    @unittest.skipUnless(shutil.which("ctags"), "no ctags")
    def test_function_length(self):
        self.plant("a.c", "void f(int x)\n{\n" + "    x++;\n" * 68 + "}\n")
        self.found("a.c:1:", "f has 71 lines")
        self.plant("a.c", "void f(int x)\n{\n" + "    x++;\n" * 67 + "}\n")
        self.clean()

    def test_the_baseline_allows_what_it_lists_and_no_more(self):
        self.plant("tools/lint/style.baseline", "tab a.c 1\n")
        self.plant("a.c", "\tint a;\n")
        self.clean()
        self.plant("a.c", "\tint a;\n\tint b;\n")
        self.found("a.c:2:", "[tab]")

    def test_the_baseline_only_shrinks(self):
        self.plant("tools/lint/style.baseline", "tab a.c 2\n")
        self.plant("a.c", "\tint a;\n")
        self.found("tools/lint/style.baseline:1:", "got better")
        self.lint("--update")
        self.clean()
        self.plant("a.c", "\tint a;\n\tint b;\n")
        self.assertEqual(self.lint("--update")[0], 1)
        self.found("a.c:1:", "[tab]")


if __name__ == "__main__":
    unittest.main()
