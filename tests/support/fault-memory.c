/* See fault-memory.h. The program's own definitions come before those of the shared libraries. */
#include "tests/support/fault-memory.h"

#include <dlfcn.h>
#include <stdatomic.h>

static atomic_uint count, fail_at;
static atomic_bool later;

void
fault_start (guint nth, gboolean and_later)
{
  atomic_store (&count, 0);
  atomic_store (&later, and_later);
  atomic_store (&fail_at, nth);
}

guint
fault_stop (void)
{
  atomic_store (&fail_at, 0);
  return atomic_load (&count);
}

static gboolean
fails (void)
{
  guint at = atomic_load (&fail_at), n = atomic_fetch_add (&count, 1) + 1;

  return at > 0 && (n == at || (n > at && atomic_load (&later)));
}

#define REAL(name) ((__typeof__ (&name))dlsym (RTLD_NEXT, #name))

gpointer (g_try_malloc) (gsize size)
{
  return fails () ? NULL : REAL (g_try_malloc) (size);
}

gpointer (g_try_malloc0) (gsize size)
{
  return fails () ? NULL : REAL (g_try_malloc0) (size);
}

gpointer (g_try_malloc_n) (gsize n, gsize size)
{
  return fails () ? NULL : REAL (g_try_malloc_n) (n, size);
}

gpointer (g_try_malloc0_n) (gsize n, gsize size)
{
  return fails () ? NULL : REAL (g_try_malloc0_n) (n, size);
}

gpointer (g_try_realloc) (gpointer block, gsize size)
{
  return fails () ? NULL : REAL (g_try_realloc) (block, size);
}

gpointer (g_try_realloc_n) (gpointer block, gsize n, gsize size)
{
  return fails () ? NULL : REAL (g_try_realloc_n) (block, n, size);
}
