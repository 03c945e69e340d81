@echo off
rem Starts Hybrid MT5 Bridge on Windows. Double-click it for a menu, or type one of
rem
rem   start_bridge.bat hybrid      [options]    the bridge: Redpanda and WebSocket
rem   start_bridge.bat websocket   [options]    the bridge without Redpanda
rem   start_bridge.bat demo        [options]    everything simulated, no account needed
rem   start_bridge.bat redpanda    [word]       start Redpanda in Docker; stop, status, logs or help
rem   start_bridge.bat check       [options]    is Redpanda reached, and if not, why
rem   start_bridge.bat limits      [options]    the limits; put "NAME=VALUE" into quotation marks
rem   start_bridge.bat settings                 open the settings (.env) in Notepad
rem   start_bridge.bat log                      open the log in Notepad
rem
rem On first use it makes .venv, installs what is needed there and makes .env out of .env.example.
setlocal EnableExtensions DisableDelayedExpansion
cd /d "%~dp0"
title Hybrid MT5 Bridge
set "VENV_PYTHON=.venv\Scripts\python.exe"
set "CODE=0"
set "MENU="

set "CHOICE=%~1"
set "OPTIONS="
:collect
shift
if "%~1"=="" goto collected
set OPTIONS=%OPTIONS% "%~1"
goto collect
:collected
if defined CHOICE goto chosen

:menu
set "MENU=1"
set "CHOICE="
echo.
echo   Hybrid MT5 Bridge
echo.
echo   1  Start the bridge (Redpanda and WebSocket)
echo   2  Start the bridge without Redpanda (WebSocket only)
echo   3  Demo: everything simulated, no account needed
echo   4  Start Redpanda ^(needs Docker^)
echo   5  Check the connection to Redpanda
echo   6  Edit the settings
echo   7  View the log
echo   8  Show the limits
echo   9  Quit ^(Enter^)
echo.
set /p "CHOICE=Your choice: "
if not defined CHOICE goto quit

:chosen
set "CODE=0"
if /i "%CHOICE%"=="1"         goto hybrid
if /i "%CHOICE%"=="hybrid"    goto hybrid
if /i "%CHOICE%"=="2"         goto websocket
if /i "%CHOICE%"=="websocket" goto websocket
if /i "%CHOICE%"=="3"         goto demo
if /i "%CHOICE%"=="demo"      goto demo
if /i "%CHOICE%"=="4"         goto redpanda
if /i "%CHOICE%"=="redpanda"  goto redpanda
if /i "%CHOICE%"=="5"         goto check
if /i "%CHOICE%"=="check"     goto check
if /i "%CHOICE%"=="6"         goto settings
if /i "%CHOICE%"=="settings"  goto settings
if /i "%CHOICE%"=="7"         goto log
if /i "%CHOICE%"=="log"       goto log
if /i "%CHOICE%"=="8"         goto limits
if /i "%CHOICE%"=="limits"    goto limits
if /i "%CHOICE%"=="9"         goto quit
if /i "%CHOICE%"=="quit"      goto quit
echo There is no choice "%CHOICE%"; the choices are hybrid, websocket, demo, redpanda, check, settings, log, limits.
set "CODE=1"
goto done

:hybrid
call :prepare
if errorlevel 1 goto failed
call :need_settings
if errorlevel 1 goto failed
"%VENV_PYTHON%" hybrid_bridge.py %OPTIONS%
set "CODE=%ERRORLEVEL%"
goto done

:websocket
call :prepare
if errorlevel 1 goto failed
call :need_settings
if errorlevel 1 goto failed
"%VENV_PYTHON%" run_bridge.py %OPTIONS%
set "CODE=%ERRORLEVEL%"
goto done

:demo
call :prepare
if errorlevel 1 goto failed
"%VENV_PYTHON%" hybrid_bridge.py --demo %OPTIONS%
set "CODE=%ERRORLEVEL%"
goto done

:redpanda
if defined OPTIONS goto redpanda_word
call .\start-redpanda.bat start
set "CODE=%ERRORLEVEL%"
goto done
:redpanda_word
call .\start-redpanda.bat %OPTIONS%
set "CODE=%ERRORLEVEL%"
goto done

:check
call :prepare
if errorlevel 1 goto failed
call :need_settings
if errorlevel 1 goto failed
"%VENV_PYTHON%" hybrid_bridge.py check %OPTIONS%
set "CODE=%ERRORLEVEL%"
goto done

:limits
call :prepare
if errorlevel 1 goto failed
"%VENV_PYTHON%" hybrid_bridge.py limits %OPTIONS%
set "CODE=%ERRORLEVEL%"
goto done

:settings
if not exist .env copy .env.example .env >nul
start "" notepad .env
goto done

:log
set "LOG_FILE=mt5_bridge.log"
if exist .env for /f "usebackq eol=# tokens=1,* delims==" %%A in (".env") do if /i "%%A"=="LOG_FILE" set "LOG_FILE=%%~B"
if exist "%LOG_FILE%" goto show_log
echo There is no log yet: %LOG_FILE%
goto done
:show_log
start "" notepad "%LOG_FILE%"
goto done

:failed
set "CODE=1"

:done
if "%CODE%"=="0" goto after
echo.
if "%CODE%"=="2" echo The settings need a correction, see above. They are in "%CD%\.env"
if not "%CODE%"=="2" echo Ended with an error ^(code %CODE%^), see above.
:after
if defined MENU goto stay
if not "%CODE%"=="0" timeout /t 60 2>nul
exit /b %CODE%
:stay
if not "%CODE%"=="0" pause
goto menu

:quit
exit /b 0


rem Makes .venv and installs what is needed there, each only when it has to be done.
:prepare
if exist "%VENV_PYTHON%" goto have_venv
call :find_python
if errorlevel 1 exit /b 1
echo Making .venv ^(once^)
%PYTHON% -m venv .venv
if errorlevel 1 exit /b 1
:have_venv
"%VENV_PYTHON%" -c "import filecmp, sys; sys.exit(not filecmp.cmp('pyproject.toml', '.venv/installed.toml', shallow=False))" 2>nul
if not errorlevel 1 exit /b 0
echo Installing what the bridge needs ^(once; a minute or so^)
"%VENV_PYTHON%" -m pip install --quiet --disable-pip-version-check --editable ".[demo]"
if errorlevel 1 goto not_installed
copy /y pyproject.toml .venv\installed.toml >nul
exit /b 0
:not_installed
echo Installing failed; the lines above say why. Is there a connection to https://pypi.org?
echo If it goes on failing, delete the folder .venv and start again.
exit /b 1


rem Sets PYTHON to a command that runs a 64-bit Python 3.11 or newer.
:find_python
set "PYTHON="
call :try py -3.13
call :try py -3.12
call :try py -3.11
call :try py -3
call :try python
call :try python3
if defined PYTHON exit /b 0
echo No 64-bit Python 3.11 or newer found. Install it from https://www.python.org/downloads/
echo and tick "Add python.exe to PATH" on the first page.
exit /b 1

:try
if defined PYTHON exit /b 0
%* -c "import sys; sys.exit(sys.version_info < (3, 11) or sys.maxsize < 2**32)" >nul 2>nul
if not errorlevel 1 set "PYTHON=%*"
exit /b 0


rem Makes .env on first use and lets the user fill it in before anything starts.
:need_settings
if exist .env exit /b 0
copy .env.example .env >nul
if errorlevel 1 exit /b 1
echo This is the first start: fill in MT5_LOGIN, MT5_PASSWORD and MT5_SERVER in the window that opens,
echo save it and close it.
start /wait "" notepad .env
exit /b 0
