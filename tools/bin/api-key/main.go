// A proxy that asks for an API key as vLLM does, in front of an engine that asks for none.
//
// Paths under /v1 need "Authorization: Bearer" and the key in VLLM_API_KEY; health and metrics do not.
// https://docs.vllm.ai/en/latest/usage/security.html#api-key-authentication-limitations
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
		if strings.HasPrefix(request.URL.Path, "/v1") && subtle.ConstantTimeCompare(given, wanted) != 1 {
			answer.Header().Set("Content-Type", "application/json")
			answer.WriteHeader(http.StatusUnauthorized)
			_, _ = answer.Write([]byte(`{"error":"Unauthorized"}`))
			return
		}
		proxy.ServeHTTP(answer, request)
	})))
}
