/* Tells ThreadSanitizer of the order that GLib's locks make: GLib is not instrumented and waits on
 * futexes of its own, so that without this every use of a lock looks like a race. Linked into the
 * programs of the tsan preset. */
#include <dlfcn.h>
#include <glib.h>

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
