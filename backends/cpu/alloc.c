/* XNNPACK's memory. */
#include "backends/cpu/alloc.h"

#include "core/base/memory.h"

#include <string.h>

/* In front of every block, whose address says nothing of where it starts. */
typedef struct {
  gpointer start;
  size_t size;
  GonioMemoryBudget *budget; /* nullable */
  size_t taken;
} Head;

static _Thread_local size_t failed_bytes;

static void *
allocate_aligned (void *context, size_t alignment, size_t size)
{
  size_t room = MAX (alignment, sizeof (gpointer)) + sizeof (Head);
  GonioMemoryBudget *budget = NULL;
  failed_bytes = size;
  if (size > G_MAXSIZE - room ||
      !gonio_memory_budget_take (size + room, "a prepared operator", &budget, NULL))
    return NULL;
  char *start = gonio_alloc (1, size + room, "a prepared operator", NULL);
  if (start == NULL) {
    gonio_memory_budget_give (budget, size + room);
    return NULL;
  }
  uintptr_t at = (uintptr_t)start + sizeof (Head);
  char *block = (char *)start + sizeof (Head) + (alignment - at % alignment) % alignment;
  Head head = {start, size, budget, size + room};
  memcpy (block - sizeof head, &head, sizeof head);
  return block;
}

static void
release (void *context, void *block)
{
  Head head;
  if (block == NULL)
    return;
  memcpy (&head, (char *)block - sizeof head, sizeof head);
  gonio_memory_budget_give (head.budget, head.taken);
  g_free (head.start);
}

static void *
allocate (void *context, size_t size)
{
  return allocate_aligned (context, 2 * sizeof (gpointer), size);
}

static void *
reallocate (void *context, void *block, size_t size)
{
  Head head = {0};
  void *moved = allocate (context, size);
  if (moved == NULL || block == NULL)
    return moved;
  memcpy (&head, (char *)block - sizeof head, sizeof head);
  memcpy (moved, block, MIN (size, head.size));
  release (context, block);
  return moved;
}

const struct xnn_allocator gonio_cpu_allocator = {
    .allocate = allocate,
    .reallocate = reallocate,
    .deallocate = release,
    .aligned_allocate = allocate_aligned,
    .aligned_deallocate = release,
};

size_t
gonio_cpu_failed_bytes (void)
{
  return failed_bytes;
}
