#!/usr/bin/env bash
# Starts Redpanda for the bridge in Docker: ./start-redpanda.sh [start | stop | status | logs | help]
#
#   start    Redpanda and its console, waits until they can be used, makes the topics (the default)
#   stop     stops both; what is in the topics stays
#   status   says whether Redpanda can be used, and which topics there are
#   logs     shows what Redpanda writes, until Ctrl-C
#
# The port is that of REDPANDA_BOOTSTRAP_SERVERS in .env where that names this computer, else 9092. The topics,
# their partitions and how long they keep messages are those of .env too. The environment goes before .env.
#
# From the environment alone: REDPANDA_CONSOLE_PORT (8080) and REDPANDA_ADMIN_PORT (9644) when one of them is
# taken; REDPANDA_ADVERTISED_HOST (127.0.0.1), this computer's name, when programs on others are to connect;
# REDPANDA_READY_TIMEOUT_S (120), how long to wait for it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

project=hybrid-bridge
compose_page=https://docs.docker.com/compose/install/

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$@" >&2; exit 1; }

# Sets file_NAME to what .env gives the setting REDPANDA_NAME. The last line wins; the bridge itself refuses a
# setting that stands there twice.
read_env_file() {
  local line name value
  local pattern='^[[:space:]]*(export[[:space:]]+)?[Rr][Ee][Dd][Pp][Aa][Nn][Dd][Aa]_([A-Za-z_]+)[[:space:]]*=(.*)$'
  [ -f .env ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line#$'\xef\xbb\xbf'} # as Windows' Notepad may begin a file
    [[ $line =~ $pattern ]] || continue
    name=$(tr '[:lower:]' '[:upper:]' <<<"${BASH_REMATCH[2]}")
    value=${BASH_REMATCH[3]%$'\r'}
    if [[ $value =~ ^[[:space:]]*\'([^\']*)\' || $value =~ ^[[:space:]]*\"([^\"]*)\" ]]; then
      value=${BASH_REMATCH[1]}
    else
      [[ ${value%%[[:space:]]#*} =~ ^[[:space:]]*(.*[^[:space:]])? ]] # without the comment and the blanks
      value=${BASH_REMATCH[1]:-}
    fi
    printf -v "file_$name" '%s' "$value"
  done <.env
}

# The value that the environment or .env gives a setting, else the default.
setting() {
  local from_file=file_${1#REDPANDA_}
  local value=${!1:-${!from_file:-}}
  printf '%s' "${value:-$2}"
}

refuse() { die "$1: saw '$2', accepts $3; correct it in .env or in the environment"; }

require_number() { # NAME VALUE LOWEST HIGHEST
  if ! [[ $2 =~ ^(0|[1-9][0-9]{0,5})$ ]] || [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
    refuse "$1" "$2" "a whole number from $3 to $4"
  fi
}

require_topic() { # NAME VALUE
  [[ $2 =~ ^[A-Za-z0-9._-]{1,249}$ ]] ||
    refuse "$1" "$2" '1 to 249 letters, digits, dots, hyphens and underscores'
}

# Adds to `topics` one of them: its name, its partitions and the milliseconds that it keeps a message.
read_topic() { # REDPANDA_NAME TOPIC PARTITIONS
  local topic partitions hours retention_ms=-1 # for ever
  topic=$(setting "$1_TOPIC" "$2")
  partitions=$(setting "$1_PARTITIONS" "$3")
  hours=$(setting "$1_RETENTION_HOURS" 168)
  require_topic "$1_TOPIC" "$topic"
  require_number "$1_PARTITIONS" "$partitions" 1 1000
  require_number "$1_RETENTION_HOURS" "$hours" 0 876000
  [ "$hours" = 0 ] || retention_ms=$((hours * 3600000))
  topics+=("$topic $partitions $retention_ms")
}

# Whether $1, host:port, leads to the Redpanda that is started here.
leads_here() {
  case $1 in
    "localhost:$REDPANDA_PORT" | "127.0.0.1:$REDPANDA_PORT" | "$REDPANDA_ADVERTISED_HOST:$REDPANDA_PORT") ;;
    *) return 1 ;;
  esac
}

read_settings() {
  read_env_file
  bootstrap=$(setting REDPANDA_BOOTSTRAP_SERVERS localhost:9092)
  protocol=$(setting REDPANDA_SECURITY_PROTOCOL PLAINTEXT)
  export REDPANDA_ADVERTISED_HOST=${REDPANDA_ADVERTISED_HOST:-127.0.0.1}
  case $REDPANDA_ADVERTISED_HOST in
    127.0.0.1 | localhost) export REDPANDA_BIND=${REDPANDA_BIND:-127.0.0.1} ;;
    *) export REDPANDA_BIND=${REDPANDA_BIND:-0.0.0.0} ;;
  esac
  port_setting=REDPANDA_PORT
  if [ -z "${REDPANDA_PORT:-}" ]; then
    port_setting=REDPANDA_BOOTSTRAP_SERVERS
    REDPANDA_PORT=${bootstrap##*:}
    leads_here "$bootstrap" || REDPANDA_PORT=9092
  fi
  require_number REDPANDA_PORT "$REDPANDA_PORT" 1 65535
  export REDPANDA_PORT
  export REDPANDA_CONSOLE_PORT=${REDPANDA_CONSOLE_PORT:-8080}
  require_number REDPANDA_CONSOLE_PORT "$REDPANDA_CONSOLE_PORT" 1 65535
  export REDPANDA_ADMIN_PORT=${REDPANDA_ADMIN_PORT:-9644}
  require_number REDPANDA_ADMIN_PORT "$REDPANDA_ADMIN_PORT" 1 65535
  ready_url=http://127.0.0.1:$REDPANDA_ADMIN_PORT/v1/status/ready
  ready_timeout_s=${REDPANDA_READY_TIMEOUT_S:-120}
  require_number REDPANDA_READY_TIMEOUT_S "$ready_timeout_s" 1 86400
  topics=()
  read_topic REDPANDA_TICK market_ticks 4
  read_topic REDPANDA_SIGNAL trading_signals 1
  read_topic REDPANDA_EVENT trading_events 1
}

# Sets `compose` to the command of Docker Compose. Its own reading of .env is turned off: that file is the
# bridge's, with passwords in it that Compose would take apart.
find_compose() {
  command -v docker >/dev/null || die \
    'Docker is not installed. Windows and macOS: https://www.docker.com/products/docker-desktop/' \
    'Linux: https://docs.docker.com/engine/install/'
  docker info >/dev/null 2>&1 || die \
    'Docker does not answer. Start Docker Desktop and wait until it says that it runs,' \
    'or on Linux: sudo systemctl start docker' \
    '(and if that is running: sudo usermod -aG docker YOUR_NAME, then log in anew)'
  [ "$(docker version --format '{{.Server.Os}}' 2>/dev/null)" != windows ] || die \
    'Docker runs Windows containers, and Redpanda is one for Linux.' \
    "Click on Docker's icon beside the clock with the right button: Switch to Linux containers"
  if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
  elif command -v docker-compose >/dev/null; then
    compose=(docker-compose)
  else
    die "Docker Compose is not installed: $compose_page"
  fi
  compose+=(--project-name "$project" --env-file /dev/null --file docker-compose.yml)
}

is_ours_running() {
  [ -n "$(docker ps --quiet --filter "label=com.docker.compose.project=$project")" ]
}

# Whoever listens on ::1 alone is in the way too: programs that are told localhost try it first.
check_port() {
  local name=$1 port=$2 what=$3 host other=$(($2 < 50000 ? $2 + 10000 : $2 - 10000))
  for host in 127.0.0.1 ::1; do
    (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null || continue
    say "Port $port, which $what needs, is taken by another program." >&2
    if [ "$name" = REDPANDA_BOOTSTRAP_SERVERS ]; then
      die "Stop that program, or choose another port in .env: $name=127.0.0.1:$other"
    fi
    die "Stop that program, or choose another port: $name=$other ./start-redpanda.sh"
  done
}

is_ready() { curl --silent --fail --noproxy '*' --max-time 2 "$ready_url" 2>/dev/null | grep -q '"ready"'; }

wait_until_ready() {
  local deadline=$((SECONDS + ready_timeout_s))
  until is_ready; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      "${compose[@]}" logs --tail 20 redpanda >&2 || true
      die "Redpanda was started but is not ready after some $ready_timeout_s s ($ready_url)." \
        'Its last words are above; all of them: ./start-redpanda.sh logs'
    fi
    sleep 1
  done
}

rpk() { "${compose[@]}" exec -T redpanda rpk "$@" </dev/null; }

make_topics() {
  local existing topic partitions retention_ms
  existing=$(rpk topic list | awk '{print $1}') || die 'The topics cannot be listed; the lines above say why.'
  for topic in "${topics[@]}"; do
    read -r topic partitions retention_ms <<<"$topic"
    if grep -qxF -- "$topic" <<<"$existing"; then continue; fi
    rpk topic create "$topic" --partitions "$partitions" --replicas 1 \
      --topic-config "retention.ms=$retention_ms" >/dev/null ||
      die "The topic $topic cannot be made; the lines above say why."
    say "Made the topic $topic"
  done
}

# What was acknowledged must outlast a power cut. A Redpanda that was first started in its mode for development
# remembers that it need not: hence every time.
make_durable() {
  rpk cluster config set write_caching_default false >/dev/null ||
    die 'Redpanda cannot be told to keep what it acknowledges; the lines above say why.'
}

say_how_to_reach_it() {
  say "Redpanda is ready: $REDPANDA_ADVERTISED_HOST:$REDPANDA_PORT"
  say "Its console: http://127.0.0.1:$REDPANDA_CONSOLE_PORT"
  leads_here "$bootstrap" ||
    say "For the bridge to use it, set in .env: REDPANDA_BOOTSTRAP_SERVERS=127.0.0.1:$REDPANDA_PORT (now $bootstrap)"
  [[ $protocol = [Pp][Ll][Aa][Ii][Nn][Tt][Ee][Xx][Tt] ]] ||
    say "For the bridge to use it, set in .env: REDPANDA_SECURITY_PROTOCOL=PLAINTEXT (now $protocol)"
}

start() {
  read_settings
  command -v curl >/dev/null || die 'curl is not installed; it is needed to see when Redpanda is ready'
  find_compose
  if ! is_ours_running; then
    check_port "$port_setting" "$REDPANDA_PORT" Redpanda
    check_port REDPANDA_ADMIN_PORT "$REDPANDA_ADMIN_PORT" 'Redpanda (its status)'
    check_port REDPANDA_CONSOLE_PORT "$REDPANDA_CONSOLE_PORT" 'the console'
  fi
  say 'Starting Redpanda (the first time its images are fetched, some 300 MB)'
  "${compose[@]}" up --detach || die 'Docker could not start Redpanda; the lines above say why.'
  wait_until_ready
  make_durable
  make_topics
  say_how_to_reach_it
}

stop() {
  find_compose
  "${compose[@]}" down || die 'Docker could not stop Redpanda; the lines above say why.'
  say 'Redpanda is stopped; what is in the topics stays.'
}

status() {
  read_settings
  find_compose
  "${compose[@]}" ps
  is_ready || die "Redpanda is not ready ($ready_url)"
  rpk topic list || die 'The topics cannot be listed; the lines above say why.'
  say_how_to_reach_it
}

case ${1:-start} in
  start) start ;;
  stop) stop ;;
  status) status ;;
  logs)
    find_compose
    exec "${compose[@]}" logs --follow --tail 100 redpanda
    ;;
  -h | --help | help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]##*/}" ;;
  *) die "There is no '$1'; use: ./start-redpanda.sh [start | stop | status | logs | help]" ;;
esac
