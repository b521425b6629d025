// A proxy that asks for an API key as vLLM does, in front of an engine that asks for none.
//
// Some prefixes need "Authorization: Bearer" and the key in VLLM_API_KEY; everything else does not.
// https://github.com/vllm-project/vllm/blob/v0.33.0/vllm/entrypoints/serve/middleware/authenticate.py
package main

import (
	"crypto/subtle"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
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

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: api-key ADDRESS URL-OF-THE-ENGINE")
	}
	engine, err := url.Parse(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	wanted := []byte("Bearer " + os.Getenv("VLLM_API_KEY"))
	proxy := httputil.NewSingleHostReverseProxy(engine)
	proxy.FlushInterval = -1 // streams are passed on as they come
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		given := []byte(request.Header.Get("Authorization"))
		if isGuarded(request.URL.Path) && subtle.ConstantTimeCompare(given, wanted) != 1 {
			answer.Header().Set("Content-Type", "application/json")
			answer.WriteHeader(http.StatusUnauthorized)
			_, _ = answer.Write([]byte(`{"error":"Unauthorized"}`))
			return
		}
		proxy.ServeHTTP(answer, request)
	})))
}
