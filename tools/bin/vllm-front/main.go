// A proxy that does for an engine what vLLM does in front of a model and the simulator does not.
//
// Some prefixes need "Authorization: Bearer" and the key in VLLM_API_KEY, if there is one; everything else does not.
// https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/entrypoints/serve/middleware/authenticate.py
//
// A signal aborts running completions: they end with status 200 and finish_reason "abort", as those of vLLM without
// --shutdown-timeout do. Then the program ends. vLLM answers with the text that there is until then; the simulator
// only has it if the answer is a stream, so another answer ends with no text at all.
//
// The KV cache of another engine is refused where the settings of both differ that are given as the last argument.
package main

import (
	"context"
	"crypto/subtle"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

var guarded = []string{"/v1", "/v2", "/inference", "/cohere"}

func isGuarded(path string) bool {
	for _, prefix := range guarded {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// requireKey answers 401 to requests for a guarded path without the key.
func requireKey(key string, next http.Handler) http.Handler {
	wanted := []byte("Bearer " + key)
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		given := []byte(request.Header.Get("Authorization"))
		if isGuarded(request.URL.Path) && subtle.ConstantTimeCompare(given, wanted) != 1 {
			answer.Header().Set("Content-Type", "application/json")
			answer.WriteHeader(http.StatusUnauthorized)
			_, _ = answer.Write([]byte(`{"error":"Unauthorized"}`))
			return
		}
		next.ServeHTTP(answer, request)
	})
}

// await returns when the engine listens, or false when a signal comes first: like vLLM, the proxy has no open port until
// the engine serves.
func await(signaled context.Context, address string) bool {
	for {
		if connection, err := net.Dial("tcp", address); err == nil {
			_ = connection.Close()
			return true
		}
		select {
		case <-signaled.Done():
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: vllm-front ADDRESS URL-OF-THE-ENGINE SETTINGS")
	}
	engine, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	signaled, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if !await(signaled, engine.Host) {
		return
	}
	proxy := httputil.NewSingleHostReverseProxy(engine)
	proxy.FlushInterval = -1 // streams are passed on as they come
	handler := abortWhen(signaled, proxy, strings.TrimPrefix(os.Args[1], ":"), newHandover(os.Args[3]))
	if key := os.Getenv("VLLM_API_KEY"); key != "" {
		handler = requireKey(key, handler)
	}
	server := &http.Server{Addr: os.Args[1], Handler: handler}
	ended := make(chan struct{})
	go func() {
		<-signaled.Done()
		_ = server.Shutdown(context.Background())
		close(ended)
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-ended
}
