@echo off
rem Starts Hybrid MT5 Bridge on Windows and looks after it. Double-click it for a menu, or type one of
rem
rem   start_bridge.bat hybrid      [options]    the bridge: Redpanda and WebSocket
rem   start_bridge.bat websocket   [options]    the bridge without Redpanda
rem   start_bridge.bat demo        [options]    everything simulated, no account needed
rem   start_bridge.bat check       [options]    can it trade from this PC, and if not, why
rem   start_bridge.bat status      [options]    does a bridge run, and would it trade
rem   start_bridge.bat stop        [options]    EMERGENCY STOP; --close-positions closes every position too
rem   start_bridge.bat resume      [options]    lift a halt: --reason "why it is safe again"
rem   start_bridge.bat settings                 open the settings (.env) in Notepad
rem   start_bridge.bat log                      open the log in Notepad
rem   start_bridge.bat update                   bring the newest version
rem   start_bridge.bat redpanda    [word]       start Redpanda in Docker; stop, status, logs or help
rem   start_bridge.bat limits      [options]    the limits; put "NAME=VALUE" into quotation marks
rem   start_bridge.bat service     [word]       starting with the PC: status, install or remove
rem
rem On first use it makes .venv, installs what is needed there and makes .env out of .env.example. With a word it
rem asks nothing. A window that was opened for this file alone stays until a key is pressed.
setlocal EnableExtensions DisableDelayedExpansion
cd /d "%~dp0"
if not exist "src\hybrid_bridge\installation.py" goto not_unpacked
title Hybrid MT5 Bridge
set "VENV_PYTHON=.venv\Scripts\python.exe"
set "INSTALLATION=src\hybrid_bridge\installation.py"
set "CODE=0"
set "MENU="
rem Another program's; the bridge has its own libraries.
set "PYTHONHOME="
set "PYTHONPATH="
rem Double-clicked, by a shortcut or by another program, CMDCMDLINE names this file; in an open console it does not.
set "OWN_WINDOW="
if not defined CMDCMDLINE goto have_window
set "COMMAND_LINE=%CMDCMDLINE:"=%"
if not defined COMMAND_LINE goto have_window
set "REST=%COMMAND_LINE:start_bridge=%"
if not "%REST%"=="%COMMAND_LINE%" set "OWN_WINDOW=1"
:have_window

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
set "OPTIONS="
set "CHOICE="
echo.
echo   Hybrid MT5 Bridge
echo.
echo    1  Start the bridge (Redpanda and WebSocket)
echo    2  Start the bridge without Redpanda (WebSocket only)
echo    3  Demo: everything simulated, no account needed
echo    4  Check the set-up
echo    5  Show the status
echo    6  EMERGENCY STOP: halt trading now
echo    7  Resume trading after a halt
echo    8  Edit the settings
echo    9  View the log
echo   10  Update
echo   11  Start Redpanda (needs Docker)
echo   12  Show the limits
echo   13  Start with the PC
echo    0  Quit (Enter)
echo.
set /p "CHOICE=Your choice: "
if not defined CHOICE goto quit
set "CHOICE=%CHOICE:"=%"
if not defined CHOICE goto menu
rem Blanks around it are no part of it.
for /f "tokens=1*" %%A in ("%CHOICE%") do if "%%B"=="" set "CHOICE=%%A"
if "%CHOICE%"=="1"  set "CHOICE=hybrid"
if "%CHOICE%"=="2"  set "CHOICE=websocket"
if "%CHOICE%"=="3"  set "CHOICE=demo"
if "%CHOICE%"=="4"  set "CHOICE=check"
if "%CHOICE%"=="5"  set "CHOICE=status"
if "%CHOICE%"=="6"  set "CHOICE=stop"
if "%CHOICE%"=="7"  set "CHOICE=resume"
if "%CHOICE%"=="8"  set "CHOICE=settings"
if "%CHOICE%"=="9"  set "CHOICE=log"
if "%CHOICE%"=="10" set "CHOICE=update"
if "%CHOICE%"=="11" set "CHOICE=redpanda"
if "%CHOICE%"=="12" set "CHOICE=limits"
if "%CHOICE%"=="13" set "CHOICE=service"
if "%CHOICE%"=="0"  set "CHOICE=quit"

:chosen
set "CODE=0"
rem What is said stays to be read in a window of our own; SAID is set where an error code is an answer.
set "STAY=1"
set "SAID="
if /i "%CHOICE%"=="hybrid"    goto hybrid
if /i "%CHOICE%"=="websocket" goto websocket
if /i "%CHOICE%"=="demo"      goto demo
if /i "%CHOICE%"=="check"     goto check
if /i "%CHOICE%"=="status"    goto status
if /i "%CHOICE%"=="stop"      goto stop
if /i "%CHOICE%"=="resume"    goto resume
if /i "%CHOICE%"=="settings"  goto settings
if /i "%CHOICE%"=="log"       goto log
if /i "%CHOICE%"=="update"    goto update
if /i "%CHOICE%"=="updated"   goto updated
if /i "%CHOICE%"=="redpanda"  goto redpanda
if /i "%CHOICE%"=="limits"    goto limits
if /i "%CHOICE%"=="service"   goto service
if /i "%CHOICE%"=="quit"      goto quit
if defined MENU echo There is no choice "%CHOICE%"; type one of the numbers of the menu.
if not defined MENU echo There is no choice "%CHOICE%"; the choices are hybrid, websocket, demo, check, status, stop, resume, settings,
if not defined MENU echo log, update, redpanda, limits, service.
set "CODE=1"
set "SAID=1"
goto done

:hybrid
set "PROGRAM=hybrid_bridge.py"
goto bridge
:websocket
set "PROGRAM=run_bridge.py"
:bridge
set "STAY="
call :prepare
if errorlevel 1 goto failed
rem These options bring settings of their own, or start nothing.
set "SETTINGS=.env"
for %%O in (%OPTIONS%) do for %%S in (-h --help --version --demo --ticks --env-file) do if "%%~O"=="%%S" set "SETTINGS="
if not defined SETTINGS goto start_bridge
call :need_settings
if errorlevel 1 goto failed
call :look_for_terminal
if errorlevel 1 goto menu
:start_bridge
echo Ctrl-C stops the bridge in order. If Windows asks "Terminate batch job?" afterwards, both answers will do.
"%VENV_PYTHON%" %PROGRAM% %OPTIONS%
set "CODE=%ERRORLEVEL%"
goto done

:demo
call :prepare
if errorlevel 1 goto failed
"%VENV_PYTHON%" hybrid_bridge.py --demo %OPTIONS%
set "CODE=%ERRORLEVEL%"
goto done

:check
call :prepare
if errorlevel 1 goto failed
call :need_settings
if errorlevel 1 goto failed
"%VENV_PYTHON%" hybrid_bridge.py check %OPTIONS%
set "CODE=%ERRORLEVEL%"
if "%CODE%"=="1" set "SAID=1"
goto done

:status
call :need_python
if errorlevel 1 goto failed
"%VENV_PYTHON%" hybrid_bridge.py status %OPTIONS%
set "CODE=%ERRORLEVEL%"
if "%CODE%"=="1" set "SAID=1"
goto done

:stop
call :need_python
if errorlevel 1 goto failed
if defined MENU set "OPTIONS=--ask --reason start_bridge.bat"
"%VENV_PYTHON%" hybrid_bridge.py stop %OPTIONS%
set "CODE=%ERRORLEVEL%"
if "%CODE%"=="1" set "SAID=1"
goto done

:resume
call :need_python
if errorlevel 1 goto failed
if defined MENU set "OPTIONS=--ask"
"%VENV_PYTHON%" hybrid_bridge.py resume %OPTIONS%
set "CODE=%ERRORLEVEL%"
if "%CODE%"=="1" set "SAID=1"
goto done

:limits
call :need_python
if errorlevel 1 goto failed
"%VENV_PYTHON%" hybrid_bridge.py limits %OPTIONS%
set "CODE=%ERRORLEVEL%"
goto done

:service
call :prepare
if errorlevel 1 goto failed
if not defined OPTIONS set "OPTIONS=status"
"%VENV_PYTHON%" hybrid_bridge.py service %OPTIONS%
set "CODE=%ERRORLEVEL%"
if "%CODE%"=="1" set "SAID=1"
if not defined MENU goto done
if not "%CODE%"=="1" goto done
rem It is not set up: this shows what it would do, and asks.
"%VENV_PYTHON%" hybrid_bridge.py service install
set "CODE=%ERRORLEVEL%"
goto done

:settings
set "STAY="
if not exist .env copy .env.example .env >nul
start "" notepad .env
goto done

:log
set "STAY="
call :need_python
if errorlevel 1 goto failed
"%VENV_PYTHON%" hybrid_bridge.py log --notepad
set "CODE=%ERRORLEVEL%"
if "%CODE%"=="1" set "SAID=1"
goto done

:update
call :need_python
if errorlevel 1 goto failed
rem cmd reads this file while it runs it, and the new version may bring another one. What stands in parentheses is
rem read at once, and a file that is started without "call" does not come back: no line of two versions is mixed.
(
"%VENV_PYTHON%" hybrid_bridge.py update
if not errorlevel 1 .\start_bridge.bat updated %MENU%
)
set "CODE=1"
set "SAID=1"
goto done
:updated
if defined OPTIONS set "MENU=1"
set "OPTIONS="
call :prepare
if errorlevel 1 goto failed
echo Everything is installed.
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

:failed
set "CODE=1"
set "SAID=1"

:done
if "%CODE%"=="0" goto after
set "STAY=1"
if defined SAID goto after
echo.
if "%CODE%"=="2" echo The settings or what was typed need a correction, see above. The settings are in "%CD%\.env"
if not "%CODE%"=="2" echo Ended with an error ^(code %CODE%^), see above.
:after
if defined MENU goto back
if defined OWN_WINDOW if defined STAY call :hold
exit /b %CODE%
:back
if defined STAY pause
goto menu

:not_unpacked
echo Beside start_bridge.bat, in "%~dp0", there is not the rest of the bridge.
echo If it was opened inside a ZIP file: close this window, unpack the whole ZIP into a folder of this PC, not into one
echo of the network, and start it there.
pause
exit /b 1

:quit
exit /b 0


rem Keeps the window open until somebody has read it. Where nobody can be sitting in front of it, there is no session.
:hold
echo.
if defined SESSIONNAME pause
if not defined SESSIONNAME timeout /t 60 2>nul
exit /b 0


rem Makes .venv and installs what is needed there, each only when it has to be done.
:prepare
if not exist "%VENV_PYTHON%" goto make_venv
"%VENV_PYTHON%" -I "%INSTALLATION%" state 2>nul
set "STATE=%ERRORLEVEL%"
if "%STATE%"=="0" exit /b 0
if "%STATE%"=="5" goto install
if "%STATE%"=="4" exit /b 1
echo .venv cannot be used any more: its folder was moved, or the Python it was made with was removed.
:make_venv
call :find_python
if errorlevel 1 exit /b 1
echo Making .venv (once)
%PYTHON% -m venv --clear .venv
if errorlevel 1 goto not_made
:install
echo Installing what the bridge needs (once; a minute or so)
"%VENV_PYTHON%" -m pip install --quiet --disable-pip-version-check --editable ".[demo]"
if errorlevel 1 goto not_installed
"%VENV_PYTHON%" -I "%INSTALLATION%" done
exit /b %ERRORLEVEL%
:not_made
echo Making .venv failed, see above. Close every program that uses "%CD%\.venv", delete that folder, start again.
exit /b 1
:not_installed
echo Installing failed; the lines above say why. Is there a connection to https://pypi.org?
echo If MetaTrader5 was not found for this Python, it is too new: install Python 3.13 and delete the folder .venv.
exit /b 1


rem What looks, stops or resumes does not wait for an installation, as long as there is anything to run it with.
:need_python
if not exist "%VENV_PYTHON%" goto prepare
"%VENV_PYTHON%" -c "import hybrid_bridge.settings, structlog" >nul 2>nul
set "STATE=%ERRORLEVEL%"
if not "%STATE%"=="0" goto prepare
exit /b 0


rem Sets PYTHON to a command that runs a suitable Python. Asking for one must not install it.
:find_python
set "ASKED="
if defined PYTHON set "ASKED=%PYTHON:"=%"
set "PYTHON="
set "SECOND="
set "PYTHON_MANAGER_AUTOMATIC_INSTALL=false"
set "PYLAUNCHER_ALLOW_INSTALL="
if defined ASKED call :try "%ASKED%"
call :try py -3.13
call :try py -3.12
call :try py -3.11
call :try py -3.14
call :try py -3
call :try python
call :try python3
if defined PYTHON exit /b 0
if not defined SECOND goto no_python
set PYTHON=%SECOND%
echo There is no other, so this one is used. Should the terminal not be reached: install Python 3.13 from
echo https://www.python.org/downloads/windows/ and delete the folder .venv.
exit /b 0
:no_python
echo.
echo No suitable Python was found: 64-bit, 3.11 or newer.
echo   1. Get the "Windows installer (64-bit)" of Python 3.13 from https://www.python.org/downloads/windows/
echo   2. On its first page, tick "Add python.exe to PATH".
echo   3. Start this file again.
echo A python that only opens the Microsoft Store is none: Windows brings it, and it can stay as it is.
exit /b 1

:try
if defined PYTHON exit /b 0
%* -I "%INSTALLATION%" suitable 2>nul
set "TRIED=%ERRORLEVEL%"
if "%TRIED%"=="0" set PYTHON=%*
if "%TRIED%"=="10" if not defined SECOND set SECOND=%*
exit /b 0


rem Makes .env on first use and lets the user fill it in before anything starts.
:need_settings
if exist .env exit /b 0
copy .env.example .env >nul
if errorlevel 1 exit /b 1
echo This is the first start: fill in MT5_LOGIN, MT5_PASSWORD and MT5_SERVER in the window that opens,
echo take away the # in front of each, save it and close it.
start /wait "" notepad .env
exit /b 0


rem Says what to do about the terminal. With a menu the user decides whether to go on; the exit code is 1 for back.
:look_for_terminal
"%VENV_PYTHON%" hybrid_bridge.py terminals
set "STATE=%ERRORLEVEL%"
if not "%STATE%"=="1" exit /b 0
if not defined MENU exit /b 0
set "ANSWER="
set /p "ANSWER=Enter starts the bridge all the same, B goes back to the menu: "
if not defined ANSWER exit /b 0
set "ANSWER=%ANSWER:"=%"
if /i "%ANSWER%"=="b" exit /b 1
exit /b 0
