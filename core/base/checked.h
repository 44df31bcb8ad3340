/* Checked integer arithmetic for sizes that come from files. Depends on GLib only. */
#pragma once

#include <glib.h>
#include <stdint.h>

/* Each returns FALSE on overflow and then leaves *out undefined. */
static inline gboolean
gonio_checked_add (size_t a, size_t b, size_t *out)
{
  return !__builtin_add_overflow (a, b, out);
}

static inline gboolean
gonio_checked_mul (size_t a, size_t b, size_t *out)
{
  return !__builtin_mul_overflow (a, b, out);
}

static inline gboolean
gonio_checked_add_i64 (int64_t a, int64_t b, int64_t *out)
{
  return !__builtin_add_overflow (a, b, out);
}

static inline gboolean
gonio_checked_mul_i64 (int64_t a, int64_t b, int64_t *out)
{
  return !__builtin_mul_overflow (a, b, out);
}
