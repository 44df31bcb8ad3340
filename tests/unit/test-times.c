/* Steps are added up by stage, on the thread that collects and nowhere else. Depends on base. */
#include "core/base/times.h"

static gpointer
elsewhere (gpointer data)
{
  gint64 start = gonio_times_start ();
  g_assert_cmpint (start, ==, 0);
  gonio_times_add ("elsewhere", start);
  return NULL;
}

static void
step (const char *name)
{
  gint64 start = gonio_times_start ();
  g_usleep (2000);
  gonio_times_add (name, start);
}

static void
test_rows (void)
{
  GonioTimes times = {.n = 0};
  step ("before");
  gonio_times_collect (&times);
  step ("a");
  gonio_times_set_stage ("stage");
  step ("a");
  step ("b");
  step ("a");
  g_thread_join (g_thread_new ("elsewhere", elsewhere, NULL));
  gonio_times_set_stage (NULL);
  gonio_times_collect (NULL);
  step ("after");
  g_assert_cmpuint (times.n, ==, 3);
  g_assert_null (times.rows[0].stage);
  g_assert_cmpstr (times.rows[1].stage, ==, "stage");
  g_assert_cmpstr (times.rows[1].step, ==, "a");
  g_assert_cmpuint (times.rows[1].calls, ==, 2);
  g_assert_cmpint (times.rows[1].us, >=, 4000);
  g_assert_cmpstr (times.rows[2].step, ==, "b");
}

/* More kinds than there are rows: the first stay. */
static void
test_full (void)
{
  GonioTimes times = {.n = 0};
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  gonio_times_collect (&times);
  for (guint i = 0; i < GONIO_MAX_TIMES + 5; i++) {
    char *name = g_strdup_printf ("step %u", i);
    g_ptr_array_add (names, name);
    gonio_times_add (name, gonio_times_start ());
  }
  gonio_times_add ("step 3", gonio_times_start ());
  gonio_times_collect (NULL);
  g_assert_cmpuint (times.n, ==, GONIO_MAX_TIMES);
  g_assert_cmpuint (times.rows[3].calls, ==, 2);
  g_assert_cmpuint (times.rows[4].calls, ==, 1);
}

/* What threads collected on their own comes together by stage and step. */
static void
test_merge (void)
{
  GonioTimes a = {.n = 1, .rows = {{"stage", "one", 5, 1}}};
  GonioTimes b = {.n = 2, .rows = {{"stage", "two", 7, 2}, {"stage", "one", 4, 3}}};
  g_assert_null (gonio_times_collector ());
  gonio_times_collect (&a);
  g_assert_true (gonio_times_collector () == &a);
  gonio_times_collect (NULL);
  gonio_times_merge (&a, &b);
  g_assert_cmpuint (a.n, ==, 2);
  g_assert_cmpint (a.rows[0].us, ==, 9);
  g_assert_cmpuint (a.rows[0].calls, ==, 4);
  g_assert_cmpint (a.rows[1].us, ==, 7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/times/rows", test_rows);
  g_test_add_func ("/times/full", test_full);
  g_test_add_func ("/times/merge", test_merge);
  return g_test_run ();
}
