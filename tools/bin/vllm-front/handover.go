package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// hashField is where the hash of a prefill engine travels. In vLLM, decode asks prefill for it over a connection of the
// connector; what follows is the same.
const hashField = "compatibility_hash"

// errorBody is how vLLM says that it could not compute an answer, in the body or as an event of a stream.
// https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/entrypoints/generate/base/serving.py
const errorBody = `{"error": {"message": "Internal server error", "type": "InternalServerError", "param": null, "code": 500}}`

// handover of the KV cache between two engines that must have the same settings.
type handover struct {
	hash string
}

// newHandover takes the settings that both sides compare, one a line in any order.
func newHandover(settings string) handover {
	lines := strings.Split(settings, "\n")
	slices.Sort(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	return handover{hex.EncodeToString(sum[:])}
}

// refuses tells whether a completion brings the cache of an engine with another hash.
// https://github.com/vllm-project/vllm/blob/v0.32.0/vllm/distributed/kv_transfer/kv_connector/v1/nixl/base_worker.py
func (side handover) refuses(asked *completion) bool {
	remote, ok := asked.Transfer[hashField].(string)
	if asked.Transfer["do_remote_prefill"] != true || !ok || remote == side.hash {
		return false
	}
	log.Printf("NIXL compatibility hash mismatch. Local: %s, Remote: %s.", side.hash, remote)
	return true
}

// answerRefused answers as vLLM does: error 500, but a stream has status 200 and the error in it.
func answerRefused(answer http.ResponseWriter, asked *completion) {
	if asked.Stream {
		answer.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(answer, "data: "+errorBody+"\n\ndata: [DONE]\n\n")
		return
	}
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(http.StatusInternalServerError)
	_, _ = io.WriteString(answer, errorBody)
}

// sign adds the hash to what a prefill engine hands over.
func (side handover) sign(answer *http.Response) error {
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var computed map[string]json.RawMessage
	var transfer map[string]any
	if json.Unmarshal(content, &computed) == nil && json.Unmarshal(computed["kv_transfer_params"], &transfer) == nil {
		transfer[hashField] = side.hash
		computed["kv_transfer_params"], _ = json.Marshal(transfer)
		content, _ = json.Marshal(computed)
	}
	answer.Body = io.NopCloser(bytes.NewReader(content))
	answer.ContentLength = int64(len(content))
	answer.Header.Set("Content-Length", strconv.Itoa(len(content)))
	return nil
}
