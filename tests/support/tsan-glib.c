/* Tells ThreadSanitizer of the order that GLib's locks and reference counts make: GLib is not
 * instrumented and waits on futexes of its own, so that without this every use of a lock, and every
 * free by the last of several owners, looks like a race. Linked into the programs of the tsan
 * preset; visible, so that GObject and GIO use these as well. */
#include <dlfcn.h>
#include <glib-object.h>

#pragma GCC visibility push(default)

void __tsan_acquire (void *address);
void __tsan_release (void *address);

#define REAL(name) ((__typeof__ (&name))dlsym (RTLD_NEXT, #name))

#define ACQUIRING(name, type)                                                                      \
  void name (type *lock)                                                                           \
  {                                                                                                \
    REAL (name) (lock);                                                                            \
    __tsan_acquire (lock);                                                                         \
  }
#define TRYING(name, type)                                                                         \
  gboolean name (type *lock)                                                                       \
  {                                                                                                \
    gboolean got = REAL (name) (lock);                                                             \
    if (got)                                                                                       \
      __tsan_acquire (lock);                                                                       \
    return got;                                                                                    \
  }
#define RELEASING(name, type)                                                                      \
  void name (type *lock)                                                                           \
  {                                                                                                \
    __tsan_release (lock);                                                                         \
    REAL (name) (lock);                                                                            \
  }

ACQUIRING (g_mutex_lock, GMutex)
TRYING (g_mutex_trylock, GMutex)
RELEASING (g_mutex_unlock, GMutex)
ACQUIRING (g_rec_mutex_lock, GRecMutex)
RELEASING (g_rec_mutex_unlock, GRecMutex)

/* GLib makes the lock of its error domains when it is first used, and tells nobody. */
__attribute__ ((constructor)) static void
make_error_lock (void)
{
  g_error_free (g_error_new_literal (g_quark_from_static_string ("tsan"), 0, ""));
}

/* What other owners did comes before what the last one does. */
#undef g_atomic_ref_count_dec
gboolean
g_atomic_ref_count_dec (gatomicrefcount *count)
{
  __tsan_release (count);
  gboolean last = REAL (g_atomic_ref_count_dec) (count);
  if (last)
    __tsan_acquire (count);
  return last;
}

/* The same for objects; it is not told who was the last. */
#undef g_object_unref
void
g_object_unref (gpointer object)
{
  __tsan_release (object);
  __tsan_acquire (object);
  REAL (g_object_unref) (object);
}

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  __tsan_release (mutex);
  gboolean ok = REAL (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return ok;
}

#undef g_once_init_enter
#undef g_once_init_leave
gboolean
g_once_init_enter (volatile void *location)
{
  gboolean first = REAL (g_once_init_enter) (location);
  if (!first)
    __tsan_acquire ((void *)location);
  return first;
}

void
g_once_init_leave (volatile void *location, gsize result)
{
  __tsan_release ((void *)location);
  REAL (g_once_init_leave) (location, result);
}

/* What was made for a task comes before what its thread does, an old thread of the pool as well. */
typedef struct {
  GFunc func;
  gpointer user_data;
} Workers;

static void
run_ordered (gpointer task, gpointer data)
{
  const Workers *workers = data;
  __tsan_acquire (task);
  workers->func (task, workers->user_data);
}

GThreadPool *
g_thread_pool_new (GFunc func, gpointer user_data, gint max_threads, gboolean exclusive,
                   GError **error)
{
  static Workers all[64]; /* as many pools as a test ever makes; never freed */
  static gint n;
  gint i = g_atomic_int_add (&n, 1);
  g_assert_cmpint (i, <, (gint)G_N_ELEMENTS (all));
  all[i] = (Workers){func, user_data};
  return REAL (g_thread_pool_new) (run_ordered, &all[i], max_threads, exclusive, error);
}

gboolean
g_thread_pool_push (GThreadPool *pool, gpointer task, GError **error)
{
  __tsan_release (task);
  return REAL (g_thread_pool_push) (pool, task, error);
}
