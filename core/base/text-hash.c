/* Keyed hashing. Depends on GLib only. */
#include "core/base/text-hash.h"

#include <stdint.h>
#include <string.h>

static uint64_t
key (void)
{
  static gsize chosen;
  if (g_once_init_enter (&chosen))
    g_once_init_leave (&chosen, (gsize)g_random_int () << 32 | g_random_int () | 1);
  return chosen;
}

/* The halves of the 128 bits of a product, folded: every bit of a and b reaches every bit. */
static uint64_t
fold (uint64_t a, uint64_t b)
{
  __uint128_t product = (__uint128_t)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

guint
gonio_text_hash (gconstpointer text)
{
  const uint64_t odd = UINT64_C (0x9e3779b97f4a7c15);
  const char *at = text;
  size_t left = strlen (at);
  uint64_t secret = key (), hash = fold (secret, odd ^ left);
  for (; left > 0;) {
    uint64_t word = 0;
    size_t n = MIN (left, sizeof word);
    memcpy (&word, at, n);
    hash = fold (hash ^ word ^ odd, secret);
    at += n;
    left -= n;
  }
  return (guint)(hash ^ hash >> 32);
}

const char *
gonio_intern (const char *text)
{
  static GMutex lock;
  static GHashTable *known;
  static GStringChunk *texts;
  g_mutex_lock (&lock);
  if (known == NULL) {
    known = g_hash_table_new (gonio_text_hash, g_str_equal);
    texts = g_string_chunk_new (4096);
  }
  const char *own = g_hash_table_lookup (known, text);
  if (own == NULL) {
    own = g_string_chunk_insert (texts, text);
    g_hash_table_add (known, (gpointer)own);
  }
  g_mutex_unlock (&lock);
  return own;
}
