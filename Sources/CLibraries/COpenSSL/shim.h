// OpenSSL libcrypto 3: EVP only.
#pragma once
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

// A CMAC context that knows its cipher; NULL when there is none. OSSL_PARAM keeps the pointer of its
// name: a Swift string literal would not live long enough. Only a context that once had a key can be
// duplicated; the key of the template is zero and is never used.
static inline EVP_MAC_CTX *eco_cmac_template(EVP_MAC *algorithm) {
    static const unsigned char zero[16] = {0};
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char *)"AES-128-CBC", 0),
        OSSL_PARAM_construct_end()};
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(algorithm);
    if (context && EVP_MAC_init(context, zero, sizeof zero, parameters) == 1) return context;
    EVP_MAC_CTX_free(context);
    return NULL;
}

// Same reason.
static inline int eco_hkdf_sha256(
    EVP_KDF_CTX *context, const unsigned char *key, size_t key_count, const unsigned char *salt,
    size_t salt_count, const unsigned char *info, size_t info_count, unsigned char *output,
    size_t count) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, key_count),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)salt, salt_count),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, info_count),
        OSSL_PARAM_construct_end()};
    return EVP_KDF_derive(context, output, count, parameters);
}

// Same reason. NULL when the bytes are no point of the curve.
static inline EVP_PKEY *eco_p224_public_key(const unsigned char *point, size_t count) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"secp224r1", 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, count),
        OSSL_PARAM_construct_end()};
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(context);
    return key;
}

// CMS EnvelopedData (RFC 5652) with one recipient. The recipient's context is asked for SHA-256 in
// the key derivation, which the one-call form of CMS_encrypt cannot do.
#include <openssl/cms.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// DER in *output, to be freed with OPENSSL_free; its length, or -1.
static inline int eco_cms_seal(
    const unsigned char *plain, int plain_count, const unsigned char *certificate, long count,
    unsigned char **output) {
    X509 *recipient = d2i_X509(NULL, &certificate, count);
    BIO *input = BIO_new_mem_buf(plain, plain_count);
    CMS_ContentInfo *message =
        CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_PARTIAL | CMS_BINARY);
    int length = -1;
    if (recipient && input && message) {
        CMS_RecipientInfo *info = CMS_add1_recipient_cert(message, recipient, CMS_KEY_PARAM);
        EVP_PKEY_CTX *context = info ? CMS_RecipientInfo_get0_pkey_ctx(info) : NULL;
        int is_good = context && CMS_RecipientInfo_type(info) == CMS_RECIPINFO_AGREE &&
            EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_sha256()) == 1;
        if (is_good && CMS_final(message, input, NULL, CMS_BINARY) == 1)
            length = i2d_CMS_ContentInfo(message, output);
    }
    CMS_ContentInfo_free(message);
    BIO_free(input);
    X509_free(recipient);
    return length;
}

// Writes at most `room` bytes of the plain text; its length, or -1.
static inline int eco_cms_open(
    const unsigned char *sealed, long sealed_count, const unsigned char *certificate, long count,
    const unsigned char *key, long key_count, unsigned char *output, int room) {
    CMS_ContentInfo *message = d2i_CMS_ContentInfo(NULL, &sealed, sealed_count);
    X509 *recipient = d2i_X509(NULL, &certificate, count);
    EVP_PKEY *private_key = d2i_AutoPrivateKey(NULL, &key, key_count);
    BIO *plain = BIO_new(BIO_s_secmem());
    int length = -1;
    if (message && recipient && private_key && plain &&
        OBJ_obj2nid(CMS_get0_type(message)) == NID_pkcs7_enveloped &&
        CMS_decrypt(message, private_key, recipient, NULL, plain, CMS_BINARY) == 1 &&
        BIO_ctrl_pending(plain) <= (size_t)room)
        length = BIO_read(plain, output, room);
    BIO_free(plain);
    EVP_PKEY_free(private_key);
    X509_free(recipient);
    CMS_ContentInfo_free(message);
    return length;
}

// A fresh P-256 key (PKCS #8 DER) and a certificate it signs itself, valid from `now` on for a
// hundred years: the policy that carries it says how long it is believed. 1, or 0.
static inline int eco_sealing_pair(
    long now, unsigned char **key, int *key_count, unsigned char **certificate, int *count) {
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    X509 *made = X509_new();
    PKCS8_PRIV_KEY_INFO *info = pair ? EVP_PKEY2PKCS8(pair) : NULL;
    int is_good = 0;
    if (pair && made && info) {
        X509_NAME *name = X509_get_subject_name(made);
        is_good = X509_set_version(made, 2) == 1 &&
            ASN1_INTEGER_set(X509_get_serialNumber(made), now) == 1 &&
            ASN1_TIME_set(X509_getm_notBefore(made), now) != NULL &&
            ASN1_TIME_set(X509_getm_notAfter(made), now + 100L * 365 * 86400) != NULL &&
            X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                (const unsigned char *)"Carte ECO sealing", -1, -1, 0) == 1 &&
            X509_set_issuer_name(made, name) == 1 && X509_set_pubkey(made, pair) == 1 &&
            X509_sign(made, pair, EVP_sha256()) > 0;
        if (is_good) {
            *key_count = i2d_PKCS8_PRIV_KEY_INFO(info, key);
            *count = i2d_X509(made, certificate);
            is_good = *key_count > 0 && *count > 0;
        }
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    X509_free(made);
    EVP_PKEY_free(pair);
    return is_good;
}

// OPENSSL_free and OPENSSL_clear_free are macros.
static inline void eco_free(unsigned char *bytes, int count) { OPENSSL_clear_free(bytes, count); }
