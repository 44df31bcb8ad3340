/* Tells ThreadSanitizer of the order that pthreadpool makes: it is not instrumented and wakes its
 * workers through futexes, so that without this whatever a task is given or leaves behind looks
 * like a race. Linked into the programs of the tsan preset.
 *
 * What the caller did comes before every task, and every task before the return. Nothing is said
 * about tasks of one call among each other, so that a race between them is still found. */
#include <dlfcn.h>
#include <glib.h>
#include <pthreadpool.h>

void __tsan_acquire (void *address);
void __tsan_release (void *address);

typedef struct {
  gpointer task, context;
  char start, done; /* only their addresses count */
} Call;

static Call *
call_begin (gpointer task, gpointer context)
{
  Call *call = g_new (Call, 1); /* of the heap, which forgets the addresses when it is freed */
  *call = (Call){.task = task, .context = context};
  __tsan_release (&call->start);
  return call;
}

static void
call_end (Call *call)
{
  __tsan_acquire (&call->done);
  g_free (call);
}

/* Sizes that a function is given, and the positions that its task is given: equally many. */
#define TYPES_1  size_t
#define TYPES_2  TYPES_1, size_t
#define TYPES_3  TYPES_2, size_t
#define TYPES_4  TYPES_3, size_t
#define TYPES_5  TYPES_4, size_t
#define TYPES_6  TYPES_5, size_t
#define TYPES_7  TYPES_6, size_t
#define TYPES_8  TYPES_7, size_t
#define PARAMS_1 size_t a1
#define PARAMS_2 PARAMS_1, size_t a2
#define PARAMS_3 PARAMS_2, size_t a3
#define PARAMS_4 PARAMS_3, size_t a4
#define PARAMS_5 PARAMS_4, size_t a5
#define PARAMS_6 PARAMS_5, size_t a6
#define PARAMS_7 PARAMS_6, size_t a7
#define PARAMS_8 PARAMS_7, size_t a8
#define ARGS_1   a1
#define ARGS_2   ARGS_1, a2
#define ARGS_3   ARGS_2, a3
#define ARGS_4   ARGS_3, a4
#define ARGS_5   ARGS_4, a5
#define ARGS_6   ARGS_5, a6
#define ARGS_7   ARGS_6, a7
#define ARGS_8   ARGS_7, a8

#define TASK(n)                                                                                    \
  static void task_##n (void *data, PARAMS_##n)                                                    \
  {                                                                                                \
    Call *call = data;                                                                             \
    __tsan_acquire (&call->start);                                                                 \
    ((void (*) (void *, TYPES_##n))call->task) (call->context, ARGS_##n);                          \
    __tsan_release (&call->done);                                                                  \
  }
TASK (1)
TASK (2)
TASK (3)
TASK (4)
TASK (5)
TASK (6)
TASK (7)
TASK (8)

/* kind: as in the function's name; n: sizes it takes. Visible, because XNNPACK calls them too. */
#define PARALLELIZE(kind, n)                                                                       \
  __attribute__ ((visibility ("default"))) void pthreadpool_parallelize_##kind (                   \
      pthreadpool_t pool, pthreadpool_task_##kind##_t task, void *context, PARAMS_##n,             \
      uint32_t flags)                                                                              \
  {                                                                                                \
    __typeof__ (&pthreadpool_parallelize_##kind) real =                                            \
        (__typeof__ (real))dlsym (RTLD_NEXT, "pthreadpool_parallelize_" #kind);                    \
    Call *call = call_begin ((gpointer)task, context);                                             \
    real (pool, task_##n, call, ARGS_##n, flags);                                                  \
    call_end (call);                                                                               \
  }
PARALLELIZE (1d, 1)
PARALLELIZE (1d_tile_1d, 2)
PARALLELIZE (2d, 2)
PARALLELIZE (2d_tile_1d, 3)
PARALLELIZE (2d_tile_2d, 4)
PARALLELIZE (3d, 3)
PARALLELIZE (3d_tile_1d, 4)
PARALLELIZE (3d_tile_2d, 5)
PARALLELIZE (4d, 4)
PARALLELIZE (4d_tile_1d, 5)
PARALLELIZE (4d_tile_2d, 6)
PARALLELIZE (5d, 5)
PARALLELIZE (5d_tile_1d, 6)
PARALLELIZE (5d_tile_2d, 7)
PARALLELIZE (6d, 6)
PARALLELIZE (6d_tile_1d, 7)
PARALLELIZE (6d_tile_2d, 8)
