#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Variadic functions and macros of OpenSSL, as functions that Swift can call.

static inline EVP_PKEY *martlet_generate_p256(void) { return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"); }

static inline long martlet_bio_bytes(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

static inline int martlet_is_ec(EVP_PKEY *key) { return EVP_PKEY_is_a(key, "EC"); }

static inline int martlet_is_rsa(EVP_PKEY *key) { return EVP_PKEY_is_a(key, "RSA"); }

static inline void martlet_free(void *memory) { OPENSSL_free(memory); }

/// Adds an extension given as OpenSSL's configuration text. `issuer` may be the certificate itself.
static inline int martlet_add_extension(X509 *issuer, X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return 0;
    int added = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static inline EVP_PKEY *martlet_generate_rsa(size_t bits) { return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits); }

/// A public EC key from its uncompressed point.
static inline EVP_PKEY *martlet_ec_public(const char *group, unsigned char *point, size_t length) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, length),
        OSSL_PARAM_construct_end(),
    };
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

/// A public RSA key from modulus and exponent, big-endian.
static inline EVP_PKEY *martlet_rsa_public(
    const unsigned char *n, int n_length, const unsigned char *e, int e_length) {
    EVP_PKEY *key = NULL;
    BIGNUM *modulus = BN_bin2bn(n, n_length, NULL);
    BIGNUM *exponent = BN_bin2bn(e, e_length, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (modulus && exponent && builder && context &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent)) {
        parameters = OSSL_PARAM_BLD_to_param(builder);
        if (parameters == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
            EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
            key = NULL;
        }
    }
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/// A number of a key (`qx`, `qy`, `n`, `e`), big-endian, at least `width` bytes; returns its length, 0 for none.
static inline int martlet_key_number(
    EVP_PKEY *key, const char *name, int width, unsigned char *bytes, int capacity) {
    BIGNUM *number = NULL;
    int length = 0;
    if (EVP_PKEY_get_bn_param(key, name, &number) == 1) {
        length = BN_num_bytes(number) > width ? BN_num_bytes(number) : width;
        if (length > capacity || BN_bn2binpad(number, bytes, length) != length) length = 0;
    }
    BN_free(number);
    return length;
}
