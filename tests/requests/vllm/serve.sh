#!/bin/sh
# In place of the program `vllm`, in an image that has the simulator instead of the engine.
#
# Flags that vLLM does not know end it, as they end vLLM. Of those that vLLM knows, the simulator gets the ones that
# it knows too and that mean the same to it; the others change how a model runs and not how it is served, so they
# are dropped. What changes how it is served is done here: a headless process serves nothing, only
# --data-parallel-multi-port-external-lb gives every rank a port of its own, and models that are known to have no
# experts have no external ranks.
#
# A proxy in front of the simulator, /usr/local/bin/vllm-front, asks for VLLM_API_KEY. At a signal it answers running
# completions as vLLM does: status 200 and finish_reason "abort". With --shutdown-timeout they get that time instead.
# It refuses the KV cache of a pod whose version, model, data types, attention backend or hybrid manager differ.
# What differs: an answer that is no stream is cut to nothing; with a drain, new requests find nobody instead of an
# error 500 of vLLM; speculation, transfer mode and what the transfer's configuration says of refusals are not compared;
# with TLS there is no proxy, so a signal resets connections, a key is refused, and every KV cache is taken.
#
# SIMULATOR_FLAGS in the environment are the simulator's own flags, for instance --inter-token-latency=20ms;
# SIMULATOR_PORT is its first port behind the proxy.
#
# /etc/vllm-flags has a line a flag: its name, how many values it takes (0, 1, ? or +), and whether the simulator
# knows it. /etc/vllm-handover has the version and the flags that both sides of a hand-over compare, each with its
# default. /etc/dense-models has patterns of the last parts of models' names.
set -eu

root=${0%/usr/local/bin/vllm}  # empty in the image
flags=$root/etc/vllm-flags
handover=$root/etc/vllm-handover
compared=$(grep -e '^version ' "$handover")
behind=${SIMULATOR_PORT:-18000}

fail() {
  echo "vllm: error: $1" >&2
  exit 2
}

# Sets $name, $values and $known of a flag as it was written.
look_up() {
  name=$(echo "${1%%=*}" | sed 's/_/-/g')
  entry=$(grep -e "^$name " "$flags" || grep -e "^${name%%.*} " "$flags") || fail "unrecognized arguments: $1"
  values=$(echo "$entry" | cut -d' ' -f2)
  known=$(echo "$entry" | cut -d' ' -f3)
}

# Adds a flag and its value to what both sides of a hand-over compare.
compare() {
  entry=$(grep -e "^$1 " "$handover") && [ "$entry" != "$1 $2" ] || return 0
  compared="$compared
$1 $2"
}

[ "${1:-}" = serve ] || fail "argument subcommand: invalid choice: '${1:-}'"
shift

# First only look: everything is read once, in order, before anything is started.
model='' headless='' ports='' external='' tls='' size='' port=8000 patience=0 count=$# keep=''
while [ "$count" -gt 0 ]; do
  count=$((count - 1)) word=$1
  shift
  case $word in
    -O[0-9]*) ;; # an optimization level
    -?*)
      look_up "$word"
      keep=$known
      case $name in
        --headless) headless=yes ;;
        --data-parallel-multi-port-external-lb) ports=yes external=yes ;;
        --data-parallel-size | -dp) keep=no size=${word#*=} ;;
        --shutdown-timeout) patience=${word#*=} ;;
        --port) keep=no port=${word#*=} ;;
        --data-parallel-rank | -dpn) keep=no external=yes ;;
        --ssl-certfile | --self-signed-certs) tls=yes ;;
      esac
      [ "$keep" = no ] || set -- "$@" "$word"
      case $word in
        *=*)
          compare "$name" "${word#*=}"
          continue
          ;;
      esac
      taken=0
      while [ "$count" -gt 0 ]; do
        case $1 in -[A-Za-z]* | --*) break ;; esac
        case $values in 0) break ;; 1 | '?') [ "$taken" = 0 ] || break ;; esac
        count=$((count - 1)) taken=$((taken + 1))
        case $name in
          --data-parallel-size | -dp) size=$1 ;;
          --shutdown-timeout) patience=$1 ;;
          --port) port=$1 ;;
        esac
        compare "$name" "$1"
        [ "$keep" = no ] || set -- "$@" "$1"
        shift
      done
      [ "$taken" -gt 0 ] || compare "$name" true
      case $values in 1 | +) [ "$taken" -gt 0 ] || fail "argument $name: expected at least one argument" ;; esac
      ;;
    *)
      [ -z "$model" ] || fail "unrecognized arguments: $word"
      model=$word
      compare --model "$model"
      ;;
  esac
done

[ -z "$headless" ] || exec sleep 2147483647
if [ -n "$external" ] && echo "${model##*/}" | grep -qiE -f "$root/etc/dense-models"; then
  fail "Non-MoE models do not support external data parallel mode."
fi
if [ -n "$ports" ]; then
  set -- "$@" --data-parallel-size "${size:=1}"
else
  size=1
fi
[ -z "$model" ] || set -- --model "$model" "$@"
fronts='' rank=0
if [ -z "$tls" ]; then
  while [ "$rank" -lt "$size" ]; do
    "$root/usr/local/bin/vllm-front" ":$((port + rank))" "http://127.0.0.1:$((behind + rank))" "$compared" &
    fronts="$fronts $!" rank=$((rank + 1))
  done
  port=$behind
elif [ -n "${VLLM_API_KEY:-}" ]; then
  fail "no key with TLS here"
fi

# shellcheck disable=SC2086 # several flags
"$root/app/llm-d-inference-sim" --force-dummy-tokenizer --mode echo --port "$port" ${SIMULATOR_FLAGS:-} "$@" &
engine=$!

stop() {
  if [ "$patience" = 0 ]; then
    # shellcheck disable=SC2086 # several processes
    [ -z "$fronts" ] || { kill -TERM $fronts && wait $fronts || true; }
    kill -KILL "$engine"
  else
    kill -TERM "$engine"
    (sleep "$patience" && kill -KILL "$engine") &
  fi
}
trap stop TERM INT

while kill -0 "$engine" 2>/dev/null; do
  code=0
  wait "$engine" || code=$?
done
exit "$code"
