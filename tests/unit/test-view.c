/* What DICOM tags say about the view. */
#include "core/pipeline/find.h"

static void
test_tags (void)
{
  static const struct {
    char *part, *position, *meaning;
    const char *view;
  } cases[] = {
      {"FOOT", NULL, NULL, "foot-dp"},
      {"foot ", "DP", NULL, "foot-dp"},
      {"FOOT", "LL", NULL, "other"},
      {"FOOT", NULL, "medio-lateral", "other"},
      {"PELVIS", "AP", NULL, "pelvis-ap"},
      {"HIP", "LATERAL", NULL, "other"},
      {"PELVIS", NULL, "bilateral hips", "pelvis-ap"},
      {"LEG", "AP", NULL, "leg-ap"},
      {"LOWER EXTREMITY", NULL, NULL, "leg-ap"},
      {"CHEST", "PA", NULL, "other"},
      {"HAND", NULL, NULL, "other"},
      {"KNEE", "AP", NULL, NULL},
      {"", NULL, NULL, NULL},
      {NULL, "AP", NULL, NULL},
      {"EXTREMITY", NULL, NULL, NULL},
  };
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    GonioImageInfo info = {.body_part = cases[i].part,
                           .view_position = cases[i].position,
                           .view_code_meaning = cases[i].meaning};
    const char *words = NULL;
    g_assert_cmpstr (gonio_view_from_tags (&info, &words), ==, cases[i].view);
    g_assert_true ((words != NULL) == (cases[i].view != NULL));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/view/tags", test_tags);
  return g_test_run ();
}
