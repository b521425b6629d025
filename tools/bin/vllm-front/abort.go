package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"
)

// completion is what a request for one says of its answer.
type completion struct {
	Model    string         `json:"model"`
	Stream   bool           `json:"stream"`
	Transfer map[string]any `json:"kv_transfer_params"`
	chat     bool
}

type completionKey struct{}

// portHeader is where the simulator says which port answered.
const portHeader = "x-inference-port"

// read returns the completion that a request asks for, if it does, and leaves the request as it was.
func read(request *http.Request) (*completion, error) {
	if request.Method != http.MethodPost || !strings.HasSuffix(request.URL.Path, "/completions") {
		return nil, nil
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request.Body = io.NopCloser(bytes.NewReader(body))
	asked := &completion{chat: strings.HasSuffix(request.URL.Path, "/chat/completions")}
	_ = json.Unmarshal(body, asked) // the engine says what is wrong with it
	return asked, nil
}

// aborted is the end of the answer: of a stream the last events, else all of it.
func (asked *completion) aborted() string {
	choice := map[string]any{"index": 0, "finish_reason": "abort"}
	kind, prefix := "text_completion", "cmpl"
	switch {
	case asked.chat && asked.Stream:
		kind, prefix = "chat.completion.chunk", "chatcmpl"
		choice["delta"] = map[string]any{}
	case asked.chat:
		kind, prefix = "chat.completion", "chatcmpl"
		choice["message"] = map[string]any{"role": "assistant", "content": ""}
	default:
		choice["text"] = ""
	}
	now := time.Now()
	text, _ := json.Marshal(map[string]any{
		"id": fmt.Sprintf("%s-%d", prefix, now.UnixNano()), "object": kind, "created": now.Unix(), "model": asked.Model,
		"choices": []any{choice},
	})
	if asked.Stream {
		return fmt.Sprintf("data: %s\n\ndata: [DONE]\n\n", text)
	}
	return string(text)
}

// stream ends with another end if it breaks after the signal.
type stream struct {
	io.ReadCloser
	signaled context.Context
	end      io.Reader
	broken   bool
}

func (body *stream) Read(into []byte) (int, error) {
	if body.broken {
		return body.end.Read(into)
	}
	count, err := body.ReadCloser.Read(into)
	if err != nil && err != io.EOF && body.signaled.Err() != nil {
		body.broken, err = true, nil
	}
	return count, err
}

// abortWhen passes requests on; completions that still run at the signal are cut off and answered as aborted, and those
// with a KV cache that does not fit are refused. Answers name the port that clients see.
func abortWhen(signaled context.Context, proxy *httputil.ReverseProxy, port string, side handover) http.Handler {
	proxy.ModifyResponse = func(answer *http.Response) error {
		asked, ok := answer.Request.Context().Value(completionKey{}).(*completion)
		if ok && asked.Stream && answer.StatusCode == http.StatusOK {
			answer.Body = &stream{ReadCloser: answer.Body, signaled: signaled, end: strings.NewReader(asked.aborted())}
		}
		if answer.Header.Get(portHeader) != "" {
			answer.Header.Set(portHeader, port)
		}
		if ok && asked.Transfer["do_remote_decode"] == true {
			return side.sign(answer)
		}
		return nil
	}
	proxy.ErrorHandler = func(answer http.ResponseWriter, request *http.Request, err error) {
		asked, ok := request.Context().Value(completionKey{}).(*completion)
		if !ok || signaled.Err() == nil {
			answer.WriteHeader(http.StatusBadGateway)
			return
		}
		kind := "application/json"
		if asked.Stream {
			kind = "text/event-stream"
		}
		answer.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(answer, asked.aborted())
	}
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		asked, err := read(request)
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		if asked == nil {
			proxy.ServeHTTP(answer, request)
			return
		}
		if side.refuses(asked) {
			answerRefused(answer, asked)
			return
		}
		running, cancel := context.WithCancel(context.WithValue(request.Context(), completionKey{}, asked))
		defer cancel()
		defer context.AfterFunc(signaled, cancel)()
		proxy.ServeHTTP(answer, request.WithContext(running))
	})
}
