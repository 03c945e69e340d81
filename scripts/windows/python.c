/* python.exe: hands the command line to Py_Main of the python311.dll beside it. */
#include <stdio.h>
#include <windows.h>

typedef int (*main_function)(int count, wchar_t **arguments);

int wmain(int count, wchar_t **arguments)
{
    HMODULE library = LoadLibraryW(L"python311.dll");
    if (library == NULL) {
        fprintf(stderr, "python.exe: python311.dll cannot be loaded (Windows error %lu)\n", GetLastError());
        return 1;
    }
    main_function run = (main_function)(void *)GetProcAddress(library, "Py_Main");
    if (run == NULL) {
        fputs("python.exe: python311.dll has no Py_Main\n", stderr);
        return 1;
    }
    return run(count, arguments);
}
