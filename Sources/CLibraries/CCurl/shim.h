// libcurl: `curl_easy_setopt` and `curl_easy_getinfo` are variadic, which Swift cannot call.
#pragma once
#include <curl/curl.h>

typedef size_t (*eco_curl_receiver)(char *bytes, size_t size, size_t count, void *reference);

// Options that take a long.
static inline CURLcode eco_curl_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

// Options that take text; libcurl copies it.
static inline CURLcode eco_curl_text(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

// CURLOPT_POSTFIELDS: libcurl does not copy it.
static inline CURLcode eco_curl_bytes(CURL *handle, CURLoption option, const void *value) {
    return curl_easy_setopt(handle, option, value);
}

// CURLOPT_HTTPHEADER.
static inline CURLcode eco_curl_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

// Both receivers and their reference.
static inline CURLcode eco_curl_receive(
    CURL *handle, eco_curl_receiver body, eco_curl_receiver header, void *reference) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, body);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_WRITEDATA, reference);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, header);
    if (code == CURLE_OK) code = curl_easy_setopt(handle, CURLOPT_HEADERDATA, reference);
    return code;
}

// CURLINFO_RESPONSE_CODE; 0 when there is none.
static inline long eco_curl_status(CURL *handle) {
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    return status;
}
