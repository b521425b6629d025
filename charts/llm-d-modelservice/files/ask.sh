# Asks one role of the model server, as a client would. Environment:
#   BASE, MODELS, MODEL     address, path of the list of models, and the name that must be in it
#   QUESTION, BODY, EXPECT  path, body and what the answer must match; nothing is asked without a path
#   TIMEOUT                 seconds that each request may take with its repetitions
#   API_KEY                 key that the server asks for, if it does
set -eu
request() {
  # The key is read from standard input, not written where `ps` shows it. A server that is starting gets time;
  # an answer that will not change (404, 401) does not.
  printf '%s' "${API_KEY:+Authorization: Bearer $API_KEY}" |
    curl --globoff --silent --show-error --fail-with-body --insecure --header @- --header 'Content-Type: application/json' \
      --retry 1000 --retry-delay 2 --retry-connrefused --retry-max-time "$TIMEOUT" --max-time "$TIMEOUT" "$@"
}
fail() {
  echo "$1"
  exit 1
}
echo "GET $BASE$MODELS"
models=$(request "$BASE$MODELS") || fail "the list of models is not answered: $models"
case $models in
*"\"$MODEL\""*) echo "serves $MODEL" ;;
*) fail "no model is named $MODEL: $models" ;;
esac
if [ -z "$QUESTION" ]; then exit 0; fi
echo "${BODY:+POST }$BASE$QUESTION $BODY"
if [ -n "$BODY" ]; then set -- --data "$BODY"; else set --; fi
answer=$(request "$@" "$BASE$QUESTION") || fail "the question is not answered: $answer"
printf '%s\n' "$answer"
if [ -n "$EXPECT" ]; then
  printf '%s' "$answer" | grep -Eq -e "$EXPECT" || fail "the answer does not match $EXPECT"
fi
