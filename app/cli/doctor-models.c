/* Doctor: models with their checksums. */
#include "app/cli/doctor.h"
#include "app/data-dirs.h"
#include "core/models/store.h"

static void
check_model (GPtrArray *findings, const GonioManifest *manifest)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *name = g_strdup_printf ("model %s %s", manifest->id, manifest->version);
  if (gonio_manifest_verify (manifest, NULL, &error))
    gonio_doctor_add (findings, GONIO_HEALTH_OK, name,
                      g_strdup_printf ("%s, checksum right", manifest->model_path), NULL);
  else
    gonio_doctor_add (findings, GONIO_HEALTH_FAIL, name, g_strdup (error->message),
                      g_strdup_printf ("Install the model again, or remove %s.", manifest->path));
}

void
gonio_doctor_models (GPtrArray *findings)
{
  const char *chosen = g_getenv ("GONIO_DATA_DIR");
  if (chosen != NULL && *chosen != '\0' && !g_file_test (chosen, G_FILE_TEST_IS_DIR))
    gonio_doctor_add (findings, GONIO_HEALTH_FAIL, "data folder",
                      g_strdup_printf ("GONIO_DATA_DIR is %s, which is no folder", chosen),
                      g_strdup ("Correct the variable or unset it."));
  g_auto (GStrv) dirs = gonio_data_dirs ();
  g_auto (GStrv) folders = gonio_data_subdirs ((const char *const *)dirs, "models");
  g_autoptr (GonioModelStore) store = gonio_model_store_new ((const char *const *)folders);
  GPtrArray *models = gonio_model_store_models (store);
  GPtrArray *problems = gonio_model_store_problems (store);
  for (guint i = 0; i < models->len; i++)
    check_model (findings, gonio_model_manifest (g_ptr_array_index (models, i)));
  for (guint i = 0; i < problems->len; i++)
    gonio_doctor_add (findings, GONIO_HEALTH_FAIL, "model",
                      g_strdup (g_ptr_array_index (problems, i)),
                      g_strdup ("Correct the manifest, or remove the folder."));
  if (models->len == 0) {
    g_autofree char *list = g_strjoinv (", ", folders);
    gonio_doctor_add (
        findings, GONIO_HEALTH_FAIL, "models",
        g_strdup_printf ("none found in %s", *list != '\0' ? list : "any data folder"),
        g_strdup ("Install gonio's data, or set GONIO_DATA_DIR to the folder that "
                  "holds models/ and protocols/."));
  }
}
