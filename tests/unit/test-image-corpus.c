/* Every file of the shared images and of the hostile collections gives an image or one clear
 * error, in bounded memory and time. Each is loaded in a child process of its own.
 */
#include "tests/support/image-fixture.h"
#include "tests/support/image-probe.h"

#define SECONDS   30
#define MEMORY_MB 2048

typedef struct {
  guint images, errors, findings;
} Counts;

static void
count (const GonioProbeResult *result, gpointer data)
{
  Counts *counts = data;

  if (result->outcome == GONIO_PROBE_IMAGE) {
    counts->images++;
  } else if (result->outcome == GONIO_PROBE_ERROR) {
    counts->errors++;
  } else {
    counts->findings++;
    g_test_message ("%s after %.1f s and %u MB: %s: %s", gonio_probe_outcome_name (result->outcome),
                    result->seconds, result->peak_mb, result->path, result->text);
  }
}

static void
probe (const char *folder, guint least_images, guint least_errors)
{
  const GonioProbeLimits limits = {.seconds = SECONDS, .memory_mb = MEMORY_MB, .jobs = 2};
  g_autofree char *root = gonio_fixture_data (folder);
  g_autoptr (GPtrArray) paths = NULL;
  Counts counts = {0};

  if (!root)
    return;
  paths = gonio_probe_list (root);
  gonio_probe_run (paths, &limits, count, &counts);
  g_test_message ("%s: %u images, %u clear errors", folder, counts.images, counts.errors);
  g_assert_cmpuint (counts.findings, ==, 0);
  g_assert_cmpuint (counts.images, >=, least_images);
  g_assert_cmpuint (counts.errors, >=, least_errors);
}

static void
test_images (void)
{
  probe ("images", 200, 20);
}

static void
test_hostile (void)
{
  probe ("hostile", 300, 300);
}

/* The harness itself: what it must tell apart, it does. */
static void
test_harness (void)
{
  const GonioProbeLimits limits = {.seconds = SECONDS, .memory_mb = MEMORY_MB, .jobs = 3};
  g_autofree char *dir = g_dir_make_tmp ("gonio-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (dir, "note.txt", NULL);
  g_autoptr (GPtrArray) paths = g_ptr_array_new ();
  Counts counts = {0};

  g_assert_true (g_file_set_contents (file, "no picture", -1, NULL));
  for (guint i = 0; i < 7; i++)
    g_ptr_array_add (paths, file);
  gonio_probe_run (paths, &limits, count, &counts);
  g_assert_cmpuint (counts.errors, ==, 7);
  g_assert_cmpuint (counts.images + counts.findings, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image-corpus/harness", test_harness);
  g_test_add_func ("/image-corpus/images", test_images);
  g_test_add_func ("/image-corpus/hostile", test_hostile);
  return g_test_run ();
}
