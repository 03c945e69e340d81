@echo off
rem Starts Redpanda for the bridge in Docker, as start-redpanda.sh does elsewhere, with the same words. Double-click
rem it to start Redpanda; "start-redpanda.bat help" tells the rest.
rem
rem docker is called with "call", because it may be a script of another vendor's, which would not come back. What .env
rem holds is never expanded before it is known to be harmless: there are passwords in that file.
setlocal EnableExtensions DisableDelayedExpansion
cd /d "%~dp0"
set "PROJECT=hybrid-bridge"
set "COMPOSE_PAGE=https://docs.docker.com/compose/install/"
set "CODE=0"
set "STAY="
set "DIGITS=0123456789"
set "LETTERS=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-"
rem What other programs answered, a file each; the last is empty.
set "ANSWER=%TEMP%\hybrid-bridge-answer.txt"
set "LISTENERS=%TEMP%\hybrid-bridge-listeners.txt"
set "RESERVED=%TEMP%\hybrid-bridge-reserved.txt"
set "NO_SETTINGS=%TEMP%\hybrid-bridge-no-settings.env"
set "WORD=%~1"
if not defined WORD set "STAY=1"
if not defined WORD set "WORD=start"

set "FROM_ENV_FILE=REDPANDA_BOOTSTRAP_SERVERS REDPANDA_SECURITY_PROTOCOL"
set "FROM_ENV_FILE=%FROM_ENV_FILE% REDPANDA_TICK_TOPIC REDPANDA_TICK_PARTITIONS REDPANDA_TICK_RETENTION_HOURS"
set "FROM_ENV_FILE=%FROM_ENV_FILE% REDPANDA_SIGNAL_TOPIC REDPANDA_SIGNAL_PARTITIONS REDPANDA_SIGNAL_RETENTION_HOURS"
set "FROM_ENV_FILE=%FROM_ENV_FILE% REDPANDA_EVENT_TOPIC REDPANDA_EVENT_PARTITIONS REDPANDA_EVENT_RETENTION_HOURS"
for %%N in (%FROM_ENV_FILE%) do if defined %%N set "GIVEN_%%N=1"
rem A blank, a tab, an equals sign and an apostrophe part the words of a line.
if not exist .env goto have_settings
for /f "usebackq eol=# tokens=1,2 delims=	=' " %%A in (".env") do for %%N in (%FROM_ENV_FILE%) do if /i "%%A"=="%%N" if not defined GIVEN_%%N if not "%%B"=="#" set "%%N=%%~B"
for /f "usebackq eol=# tokens=1-3 delims=	=' " %%A in (".env") do if "%%A"=="export" for %%N in (%FROM_ENV_FILE%) do if /i "%%B"=="%%N" if not defined GIVEN_%%N if not "%%C"=="#" set "%%N=%%~C"
:have_settings
setlocal EnableDelayedExpansion

for %%W in (start stop status logs help) do if /i "!WORD!"=="%%W" goto %%W
for %%W in (-h --help) do if /i "!WORD!"=="%%W" goto help
if "!WORD!"=="/?" goto help
>&2 echo There is no '!WORD!'; use: start-redpanda.bat [start ^| stop ^| status ^| logs ^| help]
goto failed

:start
call :read_settings
if errorlevel 1 goto failed
call curl --version >nul 2>nul
if errorlevel 1 >&2 echo curl is not installed; it is needed to see when Redpanda is ready
if errorlevel 1 goto failed
call :find_compose
if errorlevel 1 goto failed
call docker ps --quiet --filter "label=com.docker.compose.project=%PROJECT%" >"%ANSWER%"
set "RUNNING="
for /f "usebackq" %%I in ("%ANSWER%") do set "RUNNING=1"
if defined RUNNING goto ports_are_free
call netstat -ano >"%LISTENERS%" 2>nul
call netsh interface ipv4 show excludedportrange protocol=tcp >"%RESERVED%" 2>nul
call :check_port %PORT_SETTING% %REDPANDA_PORT% "Redpanda"
if errorlevel 1 goto failed
call :check_port REDPANDA_ADMIN_PORT %REDPANDA_ADMIN_PORT% "Redpanda (its status)"
if errorlevel 1 goto failed
call :check_port REDPANDA_CONSOLE_PORT %REDPANDA_CONSOLE_PORT% "the console"
if errorlevel 1 goto failed
:ports_are_free
echo Starting Redpanda ^(the first time its images are fetched, some 300 MB^)
call %COMPOSE% up --detach
if errorlevel 1 >&2 echo Docker could not start Redpanda; the lines above say why.
if errorlevel 1 goto failed
call :wait_until_ready
if errorlevel 1 goto failed
rem What was acknowledged must outlast a power cut. A Redpanda that was first started in its mode for development
rem remembers that it need not: hence every time.
call %COMPOSE% exec -T redpanda rpk cluster config set write_caching_default false >nul <nul
if errorlevel 1 >&2 echo Redpanda cannot be told to keep what it acknowledges; the lines above say why.
if errorlevel 1 goto failed
call %COMPOSE% exec -T redpanda rpk topic list >"%ANSWER%" <nul
if errorlevel 1 >&2 echo The topics cannot be listed; the lines above say why.
if errorlevel 1 goto failed
call :make_topic REDPANDA_TICK
if errorlevel 1 goto failed
call :make_topic REDPANDA_SIGNAL
if errorlevel 1 goto failed
call :make_topic REDPANDA_EVENT
if errorlevel 1 goto failed
call :say_how_to_reach_it
goto done

:stop
call :find_compose
if errorlevel 1 goto failed
call %COMPOSE% down
if errorlevel 1 >&2 echo Docker could not stop Redpanda; the lines above say why.
if errorlevel 1 goto failed
echo Redpanda is stopped; what is in the topics stays.
goto done

:status
call :read_settings
if errorlevel 1 goto failed
call :find_compose
if errorlevel 1 goto failed
call %COMPOSE% ps
call :is_ready
if errorlevel 1 goto not_ready
call %COMPOSE% exec -T redpanda rpk topic list <nul
if errorlevel 1 >&2 echo The topics cannot be listed; the lines above say why.
if errorlevel 1 goto failed
call :say_how_to_reach_it
goto done

:not_ready
>&2 echo Redpanda is not ready (%READY_URL%)
goto failed

:logs
call :find_compose
if errorlevel 1 goto failed
call %COMPOSE% logs --follow --tail 100 redpanda
if errorlevel 1 goto failed
goto done

:help
echo Starts Redpanda for the bridge in Docker: start-redpanda.bat [start ^| stop ^| status ^| logs ^| help]
echo.
echo   start    Redpanda and its console, waits until they can be used, makes the topics (the default)
echo   stop     stops both; what is in the topics stays
echo   status   says whether Redpanda can be used, and which topics there are
echo   logs     shows what Redpanda writes, until Ctrl-C
echo.
echo The port is that of REDPANDA_BOOTSTRAP_SERVERS in .env where that names this computer, else 9092. The topics,
echo their partitions and how long they keep messages are those of .env too. The environment goes before .env.
echo.
echo From the environment alone: REDPANDA_CONSOLE_PORT (8080) and REDPANDA_ADMIN_PORT (9644) when one of them is
echo taken; REDPANDA_ADVERTISED_HOST (127.0.0.1), this computer's name, when programs on others are to connect;
echo REDPANDA_READY_TIMEOUT_S (120), how long to wait for it.
goto done

:failed
set "CODE=1"
:done
if defined STAY pause
exit /b %CODE%


:read_settings
if not defined REDPANDA_BOOTSTRAP_SERVERS set "REDPANDA_BOOTSTRAP_SERVERS=localhost:9092"
if not defined REDPANDA_SECURITY_PROTOCOL set "REDPANDA_SECURITY_PROTOCOL=PLAINTEXT"
if not defined REDPANDA_ADVERTISED_HOST set "REDPANDA_ADVERTISED_HOST=127.0.0.1"
if not defined REDPANDA_CONSOLE_PORT set "REDPANDA_CONSOLE_PORT=8080"
if not defined REDPANDA_ADMIN_PORT set "REDPANDA_ADMIN_PORT=9644"
if not defined REDPANDA_READY_TIMEOUT_S set "REDPANDA_READY_TIMEOUT_S=120"
set "BIND=0.0.0.0"
for %%H in (127.0.0.1 localhost) do if "!REDPANDA_ADVERTISED_HOST!"=="%%H" set "BIND=127.0.0.1"
if not defined REDPANDA_BIND set "REDPANDA_BIND=%BIND%"
set "PORT_SETTING=REDPANDA_PORT"
if defined REDPANDA_PORT goto have_port
set "PORT_SETTING=REDPANDA_BOOTSTRAP_SERVERS"
call :is_made_of REDPANDA_BOOTSTRAP_SERVERS "%DIGITS%%LETTERS%:,[]"
if not errorlevel 1 for /f "tokens=2 delims=:" %%P in ("%REDPANDA_BOOTSTRAP_SERVERS%") do set "REDPANDA_PORT=%%P"
call :leads_here
if errorlevel 1 set "REDPANDA_PORT=9092"
:have_port
call :require_number REDPANDA_PORT 1 65535
if errorlevel 1 exit /b 1
call :require_number REDPANDA_CONSOLE_PORT 1 65535
if errorlevel 1 exit /b 1
call :require_number REDPANDA_ADMIN_PORT 1 65535
if errorlevel 1 exit /b 1
call :require_number REDPANDA_READY_TIMEOUT_S 1 86400
if errorlevel 1 exit /b 1
set "READY_URL=http://127.0.0.1:%REDPANDA_ADMIN_PORT%/v1/status/ready"
call :read_topic REDPANDA_TICK market_ticks 4
if errorlevel 1 exit /b 1
call :read_topic REDPANDA_SIGNAL trading_signals 1
if errorlevel 1 exit /b 1
call :read_topic REDPANDA_EVENT trading_events 1
if errorlevel 1 exit /b 1
exit /b 0

rem Whether the bridge's settings lead to the Redpanda that is started here.
:leads_here
for %%H in (localhost 127.0.0.1 !REDPANDA_ADVERTISED_HOST!) do (
  if "!REDPANDA_BOOTSTRAP_SERVERS!"=="%%H:!REDPANDA_PORT!" exit /b 0
)
exit /b 1

rem Checks NAME_TOPIC, NAME_PARTITIONS and NAME_RETENTION_HOURS; the second and the third are the defaults.
:read_topic
if not defined %1_TOPIC set "%1_TOPIC=%2"
if not defined %1_PARTITIONS set "%1_PARTITIONS=%3"
if not defined %1_RETENTION_HOURS set "%1_RETENTION_HOURS=168"
call :require_topic %1_TOPIC
if errorlevel 1 exit /b 1
call :require_number %1_PARTITIONS 1 1000
if errorlevel 1 exit /b 1
call :require_number %1_RETENTION_HOURS 0 876000
if errorlevel 1 exit /b 1
exit /b 0

:require_number
set "ACCEPTS=a whole number from %2 to %3"
call :is_made_of %1 %DIGITS%
if errorlevel 1 goto refuse
set "NUMBER=!%1!"
if not "%NUMBER:~0,6%"=="%NUMBER%" goto refuse
if not "%NUMBER%"=="0" if "%NUMBER:~0,1%"=="0" goto refuse
if %NUMBER% lss %2 goto refuse
if %NUMBER% gtr %3 goto refuse
exit /b 0

:require_topic
set "ACCEPTS=1 to 249 letters, digits, dots, hyphens and underscores"
call :is_made_of %1 %DIGITS%%LETTERS%
if errorlevel 1 goto refuse
set "TOPIC=!%1!"
if not "%TOPIC:~0,249%"=="%TOPIC%" goto refuse
exit /b 0

rem Whether the variable holds nothing but these characters, so that it can be expanded anywhere without harm.
:is_made_of
set "VALUE=!%1!"
set "UNQUOTED=%VALUE:"=%"
if not "!UNQUOTED!"=="!VALUE!" exit /b 1
setlocal DisableDelayedExpansion
set "OTHERS="
for /f "delims=%~2;" %%X in ("0%UNQUOTED%") do set "OTHERS=1"
endlocal & set "OTHERS=%OTHERS%"
if defined OTHERS exit /b 1
rem A line that begins with a semicolon would be passed over: hence it is asked for by itself.
if not "%VALUE:;=%"=="%VALUE%" exit /b 1
exit /b 0

:refuse
>&2 echo %1: saw '!%1!', accepts %ACCEPTS%; correct it in .env or in the environment
exit /b 1


rem Sets COMPOSE to the command of Docker Compose. Its own reading of .env is turned off: that file is the bridge's,
rem with passwords in it that Compose would take apart.
:find_compose
rem Where it is right after the installation, before Windows tells new windows of it.
set "PATH=!PATH!;!ProgramFiles!\Docker\Docker\resources\bin"
set "FOUND="
for %%X in (docker.exe docker.cmd docker.bat) do if not "%%~$PATH:X"=="" set "FOUND=1"
if defined FOUND goto have_docker
>&2 echo Docker is not installed. Windows and macOS: https://www.docker.com/products/docker-desktop/
>&2 echo Linux: https://docs.docker.com/engine/install/
exit /b 1
:have_docker
call docker info >nul 2>nul
if not errorlevel 1 goto docker_answers
>&2 echo Docker does not answer. Start Docker Desktop and wait until it says that it runs,
>&2 echo or on Linux: sudo systemctl start docker
>&2 echo (and if that is running: sudo usermod -aG docker YOUR_NAME, then log in anew)
exit /b 1
:docker_answers
call docker version --format "{{.Server.Os}}" >"%ANSWER%" 2>nul
set "SERVER="
for /f "usebackq" %%O in ("%ANSWER%") do set "SERVER=%%O"
if not "%SERVER%"=="windows" goto linux_containers
>&2 echo Docker runs Windows containers, and Redpanda is one for Linux.
>&2 echo Click on Docker's icon beside the clock with the right button: Switch to Linux containers
exit /b 1
:linux_containers
set "COMPOSE=docker compose"
call docker compose version >nul 2>nul
if not errorlevel 1 goto have_compose
set "COMPOSE=docker-compose"
set "FOUND="
for %%X in (docker-compose.exe docker-compose.cmd docker-compose.bat) do if not "%%~$PATH:X"=="" set "FOUND=1"
if defined FOUND goto have_compose
>&2 echo Docker Compose is not installed: %COMPOSE_PAGE%
exit /b 1
:have_compose
type nul >"%NO_SETTINGS%"
set COMPOSE=%COMPOSE% --project-name %PROJECT% --env-file "%NO_SETTINGS%" --file docker-compose.yml
exit /b 0


rem Whoever listens on ::1 alone is in the way too: programs that are told localhost try it first.
:check_port
set /a OTHER=%2 + 10000
if %2 geq 50000 set /a OTHER=%2 - 10000
set "TAKEN_BY="
for /f "usebackq tokens=1-5" %%A in ("%LISTENERS%") do if "%%A"=="TCP" for %%H in (127.0.0.1 0.0.0.0 [::1] [::]) do if "%%B"=="%%H:%2" for %%F in (0.0.0.0:0 [::]:0) do if "%%C"=="%%F" set "TAKEN_BY=%%E"
if defined TAKEN_BY goto port_taken
set "KEPT="
for /f "usebackq tokens=1-3" %%A in ("%RESERVED%") do if not "%%B"=="" if not "%%C"=="*" if %%A leq %2 if %2 leq %%B set "KEPT=1"
if not defined KEPT exit /b 0
>&2 echo Port %2, which %~3 needs, is reserved by Windows (netsh interface ipv4 show excludedportrange protocol=tcp).
set "STOP_IT=Start Windows anew, which reserves others"
goto other_port
:port_taken
set "PROGRAM=another program"
call tasklist /fi "PID eq %TAKEN_BY%" /fo csv /nh >"%ANSWER%" 2>nul
for /f "usebackq tokens=1,2 delims=," %%P in ("%ANSWER%") do if "%%~Q"=="%TAKEN_BY%" set "PROGRAM=%%~P (process %TAKEN_BY%)"
>&2 echo Port %2, which %~3 needs, is taken by !PROGRAM!.
set "STOP_IT=Stop that program"
:other_port
if "%1"=="REDPANDA_BOOTSTRAP_SERVERS" goto other_port_in_env_file
>&2 echo %STOP_IT%, or choose another port, in a Command Prompt: set %1=%OTHER%
>&2 echo and then, in the same: "%CD%\start-redpanda.bat"
exit /b 1
:other_port_in_env_file
>&2 echo %STOP_IT%, or choose another port in .env: %1=127.0.0.1:%OTHER%
exit /b 1


:is_ready
call curl --silent --fail --noproxy "*" --max-time 2 %READY_URL% >"%ANSWER%" 2>nul
for /f "usebackq tokens=1,2 delims={}:, " %%A in ("%ANSWER%") do if "%%~A %%~B"=="status ready" exit /b 0
exit /b 1

rem A round takes from one to three seconds.
:wait_until_ready
set /a ROUNDS=REDPANDA_READY_TIMEOUT_S / 2 + 1
:next_round
call :is_ready
if not errorlevel 1 exit /b 0
set /a ROUNDS-=1
if %ROUNDS% leq 0 goto never_ready
call ping -n 2 127.0.0.1 >nul
goto next_round
:never_ready
call %COMPOSE% logs --tail 20 redpanda >&2
>&2 echo Redpanda was started but is not ready after some %REDPANDA_READY_TIMEOUT_S% s (%READY_URL%).
>&2 echo Its last words are above; all of them: start-redpanda.bat logs
exit /b 1

rem Makes the topic NAME_TOPIC unless it is in the list.
:make_topic
set "TOPIC=!%1_TOPIC!"
set "PARTITIONS=!%1_PARTITIONS!"
set "HOURS=!%1_RETENTION_HOURS!"
for /f "usebackq tokens=1" %%T in ("%ANSWER%") do if "%%T"=="%TOPIC%" exit /b 0
rem An hour has 36 hundred thousands of milliseconds; all of them would be more than cmd can count.
set /a RETENTION=HOURS * 36
set "RETENTION_MS=%RETENTION%00000"
rem 0 means for ever.
if "%HOURS%"=="0" set "RETENTION_MS=-1"
call %COMPOSE% exec -T redpanda rpk topic create %TOPIC% --partitions %PARTITIONS% --replicas 1 --topic-config "retention.ms=%RETENTION_MS%" >nul <nul
if errorlevel 1 >&2 echo The topic %TOPIC% cannot be made; the lines above say why.
if errorlevel 1 exit /b 1
echo Made the topic %TOPIC%
exit /b 0

:say_how_to_reach_it
echo Redpanda is ready: !REDPANDA_ADVERTISED_HOST!:%REDPANDA_PORT%
echo Its console: http://127.0.0.1:%REDPANDA_CONSOLE_PORT%
call :leads_here
if not errorlevel 1 goto leads_there
echo For the bridge to use it, set in .env: REDPANDA_BOOTSTRAP_SERVERS=127.0.0.1:%REDPANDA_PORT% (now !REDPANDA_BOOTSTRAP_SERVERS!)
:leads_there
if /i "!REDPANDA_SECURITY_PROTOCOL!"=="PLAINTEXT" exit /b 0
echo For the bridge to use it, set in .env: REDPANDA_SECURITY_PROTOCOL=PLAINTEXT (now !REDPANDA_SECURITY_PROTOCOL!)
exit /b 0
