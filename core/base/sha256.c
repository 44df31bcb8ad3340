/* Checksums of files. Depends on GIO. */
#include "core/base/sha256.h"

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

enum { BLOCK = 64, CHUNK = 4096 * BLOCK };

typedef struct {
  GChecksum *checksum; /* NULL: the processor's instructions */
  uint32_t state[8];
  guint64 bytes;
} Hash;

#if defined(__x86_64__)

/* FIPS 180-4, 4.2.2 */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static gboolean
has_instructions (void)
{
  guint a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid (1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
    return FALSE;
  return __get_cpuid_count (7, 0, &a, &b, &c, &d) && (b & bit_SHA) != 0;
}

/* The instructions hold the state as (a b e f) and (c d g h), and do two rounds each. */
__attribute__ ((target ("sha,ssse3,sse4.1"))) static void
take_blocks (uint32_t state[8], const guint8 *data, gsize blocks)
{
  const __m128i big_endian = _mm_set_epi64x (0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i dcba = _mm_shuffle_epi32 (_mm_loadu_si128 ((const __m128i *)state), 0xb1);
  __m128i hgfe = _mm_shuffle_epi32 (_mm_loadu_si128 ((const __m128i *)(state + 4)), 0x1b);
  __m128i abef = _mm_alignr_epi8 (dcba, hgfe, 8), cdgh = _mm_blend_epi16 (hgfe, dcba, 0xf0);

  for (; blocks > 0; blocks--, data += BLOCK) {
    __m128i before_abef = abef, before_cdgh = cdgh, w[4];
    for (int i = 0; i < 4; i++)
      w[i] = _mm_shuffle_epi8 (_mm_loadu_si128 ((const __m128i *)data + i), big_endian);
    for (int i = 0; i < 16; i++) {
      __m128i k = _mm_loadu_si128 ((const __m128i *)round_constants + i);
      __m128i now = w[i % 4], sum = _mm_add_epi32 (now, k);
      cdgh = _mm_sha256rnds2_epu32 (cdgh, abef, sum);
      abef = _mm_sha256rnds2_epu32 (abef, cdgh, _mm_shuffle_epi32 (sum, 0x0e));
      if (i >= 12)
        continue;
      __m128i last = w[(i + 3) % 4], part = _mm_sha256msg1_epu32 (now, w[(i + 1) % 4]);
      part = _mm_add_epi32 (part, _mm_alignr_epi8 (last, w[(i + 2) % 4], 4));
      w[i % 4] = _mm_sha256msg2_epu32 (part, last);
    }
    abef = _mm_add_epi32 (abef, before_abef);
    cdgh = _mm_add_epi32 (cdgh, before_cdgh);
  }
  __m128i feba = _mm_shuffle_epi32 (abef, 0x1b), dchg = _mm_shuffle_epi32 (cdgh, 0xb1);
  _mm_storeu_si128 ((__m128i *)state, _mm_blend_epi16 (feba, dchg, 0xf0));
  _mm_storeu_si128 ((__m128i *)(state + 4), _mm_alignr_epi8 (dchg, feba, 8));
}

#else

static gboolean
has_instructions (void)
{
  return FALSE;
}

static void
take_blocks (uint32_t state[8], const guint8 *data, gsize blocks)
{
}

#endif

static void
hash_init (Hash *hash)
{
  static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  *hash = (Hash){.checksum = has_instructions () ? NULL : g_checksum_new (G_CHECKSUM_SHA256)};
  memcpy (hash->state, start, sizeof start);
}

static void
hash_clear (Hash *hash)
{
  g_clear_pointer (&hash->checksum, g_checksum_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Hash, hash_clear)

/* n is a multiple of BLOCK, except the last time. data has room for two more blocks. */
static void
hash_take (Hash *hash, guint8 *data, gsize n, gboolean last)
{
  hash->bytes += n;
  if (hash->checksum != NULL) {
    g_checksum_update (hash->checksum, data, (gssize)n);
    return;
  }
  if (last) {
    guint64 bits = GUINT64_TO_BE (hash->bytes * 8);
    gsize whole = (n + 1 + sizeof bits + BLOCK - 1) / BLOCK * BLOCK;
    memset (data + n, 0, whole - n);
    data[n] = 0x80;
    memcpy (data + whole - sizeof bits, &bits, sizeof bits);
    n = whole;
  }
  take_blocks (hash->state, data, n / BLOCK);
}

static char *
hash_to_hex (const Hash *hash)
{
  if (hash->checksum != NULL)
    return g_strdup (g_checksum_get_string (hash->checksum));
  GString *hex = g_string_sized_new (64);
  for (guint i = 0; i < 8; i++)
    g_string_append_printf (hex, "%08x", hash->state[i]);
  return g_string_free (hex, FALSE);
}

gboolean
gonio_file_sha256 (const char *path, GCancellable *cancellable, char **out_hex, gint64 *out_size,
                   GError **error)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInputStream) stream = g_file_read (file, cancellable, error);
  if (stream == NULL)
    return FALSE;
  g_auto (Hash) hash = {0};
  hash_init (&hash);
  g_autofree guint8 *buffer = g_malloc (CHUNK + 2 * BLOCK);
  gsize n = CHUNK;
  while (n == CHUNK) {
    if (!g_input_stream_read_all (G_INPUT_STREAM (stream), buffer, CHUNK, &n, cancellable, error))
      return FALSE;
    hash_take (&hash, buffer, n, n < CHUNK);
  }
  *out_hex = hash_to_hex (&hash);
  if (out_size != NULL)
    *out_size = (gint64)hash.bytes;
  return TRUE;
}
