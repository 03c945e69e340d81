/* Scripts\python.exe of a virtual environment: runs the Python that pyvenv.cfg names, as CPython's own does.

   The Python runs as a child in a job that ends with this process. It finds its environment by the variable
   __PYVENV_LAUNCHER__. Source: CPython 3.11, PC/launcher.c and Modules/getpath.py. */
#include <stdio.h>
#include <wchar.h>
#include <windows.h>

#define LENGTH 32768

static void die(const char *what)
{
    fprintf(stderr, "python.exe of a virtual environment: %s (Windows error %lu)\n", what, GetLastError());
    exit(101);
}

/* Cut the last part of a path off. */
static void to_parent(wchar_t *path)
{
    wchar_t *last = wcsrchr(path, L'\\');
    if (last == NULL) die("no folder above it");
    *last = 0;
}

static BOOL WINAPI leave_to_the_child(DWORD event)
{
    (void)event;
    return TRUE;
}

/* Read "home = FOLDER", in UTF-8, from the environment's pyvenv.cfg. */
static void read_home(const wchar_t *environment, wchar_t *home)
{
    static wchar_t path[LENGTH];
    static char line[LENGTH];
    swprintf(path, LENGTH, L"%ls\\pyvenv.cfg", environment);
    FILE *file = _wfopen(path, L"r");
    if (file == NULL) die("there is no pyvenv.cfg");
    while (fgets(line, LENGTH, file) != NULL) {
        char *value = strchr(line, '=');
        if (strncmp(line, "home", 4) != 0 || value == NULL) continue;
        value += 1 + strspn(value + 1, " ");
        value[strcspn(value, "\r\n")] = 0;
        MultiByteToWideChar(CP_UTF8, 0, value, -1, home, LENGTH);
        fclose(file);
        return;
    }
    die("pyvenv.cfg has no home");
}

/* Skip the program's own name at the beginning of a command line. */
static const wchar_t *after_program(const wchar_t *line)
{
    if (*line == L'"') {
        line = wcschr(line + 1, L'"');
        return line == NULL ? L"" : line + 1;
    }
    return line + wcscspn(line, L" \t");
}

int wmain(void)
{
    static wchar_t self[LENGTH], environment[LENGTH], home[LENGTH], program[LENGTH], command[2 * LENGTH];
    GetModuleFileNameW(NULL, self, LENGTH);
    wcscpy(environment, self);
    to_parent(environment);
    to_parent(environment);
    read_home(environment, home);
    swprintf(program, LENGTH, L"%ls\\python.exe", home);
    swprintf(command, 2 * LENGTH, L"\"%ls\"%ls", program, after_program(GetCommandLineW()));
    SetEnvironmentVariableW(L"__PYVENV_LAUNCHER__", self);

    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    HANDLE job = CreateJobObjectW(NULL, NULL);
    if (!SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits)) die("no job");

    STARTUPINFOW start;
    PROCESS_INFORMATION child;
    GetStartupInfoW(&start);
    SetConsoleCtrlHandler(leave_to_the_child, TRUE);
    if (!CreateProcessW(program, command, NULL, NULL, TRUE, 0, NULL, NULL, &start, &child)) die("Python does not start");
    AssignProcessToJobObject(job, child.hProcess);
    CloseHandle(child.hThread);
    WaitForSingleObject(child.hProcess, INFINITE);
    DWORD code = 101;
    GetExitCodeProcess(child.hProcess, &code);
    return (int)code;
}
