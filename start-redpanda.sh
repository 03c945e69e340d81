#!/usr/bin/env bash
# Starts Redpanda for the bridge in Docker: ./start-redpanda.sh [start | stop | status | logs]
#
#   start    Redpanda and its console, waits until they can be used, makes the topics (the default)
#   stop     stops both; what is in the topics stays
#   status   says whether Redpanda can be used
#   logs     shows what Redpanda writes, until Ctrl-C
#
# From the environment: REDPANDA_PORT (9092), REDPANDA_CONSOLE_PORT (8080) and REDPANDA_ADMIN_PORT (9644) when
# one of them is taken; REDPANDA_ADVERTISED_HOST (localhost) when programs on other computers are to connect.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

project=hybrid-bridge
export REDPANDA_PORT=${REDPANDA_PORT:-9092}
export REDPANDA_CONSOLE_PORT=${REDPANDA_CONSOLE_PORT:-8080}
export REDPANDA_ADMIN_PORT=${REDPANDA_ADMIN_PORT:-9644}
export REDPANDA_ADVERTISED_HOST=${REDPANDA_ADVERTISED_HOST:-localhost}
[ "$REDPANDA_ADVERTISED_HOST" = localhost ] || export REDPANDA_BIND=${REDPANDA_BIND:-0.0.0.0}
ready_url=http://localhost:$REDPANDA_ADMIN_PORT/v1/status/ready
ready_timeout_s=${REDPANDA_READY_TIMEOUT_S:-120}

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$@" >&2; exit 1; }

# Sets `compose` to the command of Docker Compose. Its own reading of .env is turned off: that file is the
# bridge's, with passwords in it that Compose would take apart.
find_compose() {
  command -v docker >/dev/null || die \
    'Docker is not installed. Windows and macOS: https://www.docker.com/products/docker-desktop/' \
    'Linux: https://docs.docker.com/engine/install/'
  docker info >/dev/null 2>&1 || die \
    'Docker does not answer. Start Docker Desktop, or on Linux: sudo systemctl start docker' \
    '(and if that is running: sudo usermod -aG docker YOUR_NAME, then log in anew)'
  if docker compose version >/dev/null 2>&1; then
    compose=(docker compose)
  elif command -v docker-compose >/dev/null; then
    compose=(docker-compose)
  else
    die 'Docker Compose is not installed: https://docs.docker.com/compose/install/'
  fi
  compose+=(--project-name "$project" --env-file /dev/null --file docker-compose.yml)
}

is_ours_running() {
  [ -n "$(docker ps --quiet --filter "label=com.docker.compose.project=$project")" ]
}

check_port() {
  local name=$1 port=$2 what=$3
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    die "Port $port, which $what needs, is taken by another program. Stop that program," \
      "or choose another port: $name=$((port + 10000)) ./start-redpanda.sh"
  fi
}

is_ready() { curl --silent --fail --max-time 2 "$ready_url" 2>/dev/null | grep -q '"ready"'; }

wait_until_ready() {
  local deadline=$((SECONDS + ready_timeout_s))
  until is_ready; do
    [ "$SECONDS" -lt "$deadline" ] || die \
      "Redpanda was started but is not ready after $ready_timeout_s s ($ready_url)." \
      'What it says about that: ./start-redpanda.sh logs'
    sleep 1
  done
}

# The value that .env gives a setting, else the default.
setting() {
  local name=$1 default=$2 value=
  if [ -f .env ]; then
    value=$(sed -n "s/^[[:space:]]*${name}[[:space:]]*=[[:space:]]*//p" .env | tail -n 1 |
      sed -e 's/[[:space:]]#.*$//' -e 's/[[:space:]]*$//' -e "s/^[\"']//" -e "s/[\"']\$//")
  fi
  printf '%s' "${value:-$default}"
}

rpk() { "${compose[@]}" exec -T redpanda rpk "$@"; }

make_topics() {
  local existing topic
  existing=$(rpk topic list | awk '{print $1}') || die 'The topics cannot be listed; the lines above say why.'
  for topic in \
    "$(setting REDPANDA_TICK_TOPIC market_ticks)" \
    "$(setting REDPANDA_SIGNAL_TOPIC trading_signals)" \
    "$(setting REDPANDA_EVENT_TOPIC trading_events)"; do
    if grep -qxF -- "$topic" <<<"$existing"; then continue; fi
    rpk topic create "$topic" --partitions 1 --replicas 1 >/dev/null ||
      die "The topic $topic cannot be made; the lines above say why."
    say "Made the topic $topic"
  done
}

start() {
  command -v curl >/dev/null || die 'curl is not installed; it is needed to see when Redpanda is ready'
  find_compose
  if ! is_ours_running; then
    check_port REDPANDA_PORT "$REDPANDA_PORT" Redpanda
    check_port REDPANDA_ADMIN_PORT "$REDPANDA_ADMIN_PORT" 'Redpanda (its status)'
    check_port REDPANDA_CONSOLE_PORT "$REDPANDA_CONSOLE_PORT" 'the console'
  fi
  say 'Starting Redpanda (the first time its images are fetched, some 300 MB)'
  "${compose[@]}" up --detach || die 'Docker could not start Redpanda; the lines above say why.'
  wait_until_ready
  make_topics
  say "Redpanda is ready: REDPANDA_BOOTSTRAP_SERVERS=$REDPANDA_ADVERTISED_HOST:$REDPANDA_PORT"
  say "Its console: http://localhost:$REDPANDA_CONSOLE_PORT"
}

stop() {
  find_compose
  "${compose[@]}" down
  say 'Redpanda is stopped; what is in the topics stays.'
}

status() {
  find_compose
  "${compose[@]}" ps
  is_ready || die "Redpanda is not ready ($ready_url)"
  say "Redpanda is ready: $REDPANDA_ADVERTISED_HOST:$REDPANDA_PORT"
}

case ${1:-start} in
  start) start ;;
  stop) stop ;;
  status) status ;;
  logs)
    find_compose
    exec "${compose[@]}" logs --follow --tail 100 redpanda
    ;;
  -h | --help | help) sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]##*/}" ;;
  *) die "There is no '$1'; use: ./start-redpanda.sh [start | stop | status | logs]" ;;
esac
