/* core/plan/memory: buffers alive together never overlap, and memory is reused. */
#include "core/base/error.h"
#include "core/plan/memory.h"
#include "core/tensor/tensor.h"

static void
check_no_overlap (const GonioMemoryItem *items, const guint *root, guint n, size_t total)
{
  for (guint i = 0; i < n; i++) {
    g_assert_cmpuint (items[i].offset % GONIO_TENSOR_ALIGN, ==, 0);
    g_assert_cmpuint (items[i].offset + items[i].size + GONIO_TENSOR_TAIL, <=, total);
    for (guint j = 0; j < i; j++) {
      if (root[i] == root[j]) {
        g_assert_cmpuint (items[i].offset, ==, items[j].offset);
        continue;
      }
      if (items[i].last < items[j].first || items[j].last < items[i].first)
        continue;
      gboolean apart = items[i].offset + items[i].size + GONIO_TENSOR_TAIL <= items[j].offset ||
                       items[j].offset + items[j].size + GONIO_TENSOR_TAIL <= items[i].offset;
      g_assert_true (apart);
    }
  }
}

static void
test_chain (void)
{
  /* Each value dies when the next but one is made: two slots are enough. */
  GonioMemoryItem items[10];
  size_t total;
  for (guint i = 0; i < 10; i++)
    items[i] = (GonioMemoryItem){.size = 1000, .first = i, .last = i + 1, .alias = -1};
  g_assert_true (gonio_memory_plan (items, 10, &total, NULL));
  g_assert_cmpuint (total, ==, 2 * 1088); /* 1000 + tail, in whole lines of 64 */
  g_assert_true (gonio_memory_plan (NULL, 0, &total, NULL));
  g_assert_cmpuint (total, ==, 0);
}

static void
test_alias (void)
{
  /* The second writes over the first; the third must keep clear of both life times. */
  GonioMemoryItem items[3] = {
      {.size = 64, .first = 0, .last = 1, .alias = -1},
      {.size = 128, .first = 1, .last = 5, .alias = 0},
      {.size = 64, .first = 4, .last = 4, .alias = -1},
  };
  guint root[3] = {0, 0, 2};
  size_t total;
  g_assert_true (gonio_memory_plan (items, 3, &total, NULL));
  check_no_overlap (items, root, 3, total);
}

static void
test_random (void)
{
  for (guint round = 0; round < 200; round++) {
    guint n = (guint)g_test_rand_int_range (1, 60);
    g_autofree GonioMemoryItem *items = g_new0 (GonioMemoryItem, n);
    g_autofree guint *root = g_new0 (guint, n);
    size_t total, sum = 0;
    for (guint i = 0; i < n; i++) {
      guint first = (guint)g_test_rand_int_range (0, 40);
      items[i].size = (size_t)g_test_rand_int_range (0, 5000);
      items[i].first = first;
      items[i].last = first + (guint)g_test_rand_int_range (0, 10);
      items[i].alias =
          i > 0 && g_test_rand_int_range (0, 4) == 0 ? g_test_rand_int_range (0, (gint32)i) : -1;
      root[i] = items[i].alias >= 0 ? root[items[i].alias] : i;
      sum += items[i].size + 2 * GONIO_TENSOR_ALIGN;
    }
    /* An alias extends its root's life; the check needs the whole of it. */
    g_autofree GonioMemoryItem *planned = g_memdup2 (items, n * sizeof *items);
    g_assert_true (gonio_memory_plan (planned, n, &total, NULL));
    g_assert_cmpuint (total, <=, sum);
    for (guint i = 0; i < n; i++) {
      for (guint j = 0; j < n; j++) {
        if (root[j] != root[i])
          continue;
        planned[i].first = MIN (planned[i].first, items[j].first);
        planned[i].last = MAX (planned[i].last, items[j].last);
        planned[i].size = MAX (planned[i].size, items[j].size);
      }
    }
    check_no_overlap (planned, root, n, total);
  }
}

static void
test_many (void)
{
  /* More buffers than are searched: still correct, still quick. */
  guint n = 40000;
  g_autofree GonioMemoryItem *items = g_new0 (GonioMemoryItem, n);
  size_t total;
  for (guint i = 0; i < n; i++)
    items[i] = (GonioMemoryItem){.size = i % 7 * 100, .first = i, .last = i + 2, .alias = -1};
  g_assert_true (gonio_memory_plan (items, n, &total, NULL));
  g_assert_cmpuint (total, <, (size_t)n * 800);
}

static void
test_overflow (void)
{
  g_autoptr (GError) error = NULL;
  GonioMemoryItem items[2] = {
      {.size = SIZE_MAX - 10, .first = 0, .last = 0, .alias = -1},
      {.size = SIZE_MAX / 2, .first = 0, .last = 1, .alias = -1},
  };
  size_t total;
  g_assert_false (gonio_memory_plan (items, 1, &total, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY);
  g_clear_error (&error);
  items[0].size = SIZE_MAX / 2 + 100;
  g_assert_false (gonio_memory_plan (items, 2, &total, &error));
  g_assert_error (error, GONIO_RUN_ERROR, GONIO_RUN_ERROR_MEMORY);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/memory/chain", test_chain);
  g_test_add_func ("/memory/alias", test_alias);
  g_test_add_func ("/memory/random", test_random);
  g_test_add_func ("/memory/many", test_many);
  g_test_add_func ("/memory/overflow", test_overflow);
  return g_test_run ();
}
