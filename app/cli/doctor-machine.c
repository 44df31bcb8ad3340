/* Doctor: processor, libraries, writable places, display. Depends on GLib and /proc. */
#include "app/cli/doctor.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* ---- processor ---- */

/* Value of the first line "key : value" of /proc/cpuinfo; NULL when there is none. */
static char *
cpuinfo_value (const char *text, const char *key)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    char *colon = strchr (lines[i], ':');
    if (colon == NULL)
      continue;
    *colon = '\0';
    if (g_str_equal (g_strstrip (lines[i]), key))
      return g_strdup (g_strstrip (colon + 1));
  }
  return NULL;
}

/* Those of the processor's features that kernels are written for. */
static char *
list_features (const char *flags)
{
  static const char *const known[] = {
      "sse2",     "sse4_1",   "avx",      "f16c",        "fma",      "avx2",  "avx512f",
      "avx512dq", "avx512bw", "avx512vl", "avx512_vnni", "avx_vnni", "asimd", "asimdhp",
      "asimddp",  "sve",      "i8mm",     "bf16",        "amx_int8",
  };
  g_auto (GStrv) words = g_strsplit (flags, " ", -1);
  g_autoptr (GString) text = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (g_strv_contains ((const char *const *)words, known[i]))
      g_string_append_printf (text, "%s%s", text->len > 0 ? " " : "", known[i]);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
gonio_doctor_processor (GPtrArray *findings)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL))
    text = g_strdup ("");
  g_autofree char *name = cpuinfo_value (text, "model name");
  g_autofree char *x86 = cpuinfo_value (text, "flags");
  g_autofree char *arm = cpuinfo_value (text, "Features");
  g_autofree char *features = list_features (x86 != NULL ? x86 : arm != NULL ? arm : "");
  double memory = (double)sysconf (_SC_PHYS_PAGES) * (double)sysconf (_SC_PAGESIZE);
  gonio_doctor_add (findings, GONIO_HEALTH_OK, "processor",
                    g_strdup_printf ("%s, %u threads, %.1f GiB of memory",
                                     name != NULL ? name : "name unknown", g_get_num_processors (),
                                     memory / (1 << 30)),
                    NULL);
  gboolean vectors = strstr (features, "avx2") != NULL || strstr (features, "asimd") != NULL;
  gonio_doctor_add (
      findings, vectors ? GONIO_HEALTH_OK : GONIO_HEALTH_NOTE, "processor features",
      g_strdup (*features != '\0' ? features : "none known"),
      vectors ? NULL
              : g_strdup ("Without AVX2 or ASIMD everything runs, but several times slower. In a "
                          "virtual machine, let it see the host's processor."));
}

/* ---- libraries ---- */

/* Name of the file that is mapped for a library, its version in it; NULL when none is. */
static char *
loaded_file (const char *maps, const char *soname)
{
  g_autofree char *wanted = g_strconcat ("/", soname, NULL);
  const char *at = strstr (maps, wanted);
  if (at == NULL)
    return NULL;
  return g_strndup (at + 1, strcspn (at + 1, "\n"));
}

void
gonio_doctor_libraries (GPtrArray *findings)
{
  /* "name|soname|version it was built with,..." */
  g_auto (GStrv) rows = g_strsplit (GONIO_LIBRARIES, ",", -1);
  g_autofree char *maps = NULL;
  if (!g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL))
    maps = g_strdup ("");
  for (guint i = 0; rows[i] != NULL; i++) {
    g_auto (GStrv) row = g_strsplit (rows[i], "|", 3);
    if (g_strv_length (row) != 3)
      continue;
    g_autofree char *name = g_strconcat ("library ", row[0], NULL);
    g_autofree char *file = loaded_file (maps, row[1]);
    g_autofree char *built =
        *row[2] != '\0' ? g_strconcat ("built with ", row[2], ", ", NULL) : g_strdup ("");
    gonio_doctor_add (findings, GONIO_HEALTH_OK, name,
                      g_strdup_printf ("%s%s%s", built, file != NULL ? "running on " : "",
                                       file != NULL ? file : "part of the program"),
                      NULL);
  }
}

/* ---- places ---- */

/* The folder itself, or what is there of the way to it. */
static char *
nearest_existing (const char *path)
{
  char *at = g_strdup (path);
  while (!g_file_test (at, G_FILE_TEST_EXISTS) && strlen (at) > 1) {
    char *up = g_path_get_dirname (at);
    g_free (at);
    at = up;
  }
  return at;
}

static void
check_place (GPtrArray *findings, const char *name, const char *path, const char *advice)
{
  g_autofree char *at = nearest_existing (path);
  gboolean ok = g_file_test (at, G_FILE_TEST_IS_DIR) && g_access (at, W_OK | X_OK) == 0;
  gonio_doctor_add (findings, ok ? GONIO_HEALTH_OK : GONIO_HEALTH_FAIL, name,
                    g_strdup_printf ("%s: %s%s", path, ok ? "writable" : "cannot be written",
                                     g_str_equal (at, path) ? "" : " (not there yet)"),
                    ok ? NULL : g_strdup (advice));
}

void
gonio_doctor_places (GPtrArray *findings)
{
  g_autofree char *data = g_build_filename (g_get_user_data_dir (), "gonio", NULL);
  g_autofree char *config = g_build_filename (g_get_user_config_dir (), "gonio", NULL);
  check_place (findings, "place for own models and protocols", data,
               "Let the folder belong to you, or set XDG_DATA_HOME to one that does.");
  check_place (findings, "place for settings", config,
               "Let the folder belong to you, or set XDG_CONFIG_HOME to one that does.");
  check_place (findings, "place for temporary files", g_get_tmp_dir (),
               "Set TMPDIR to a folder that you may write to.");
}

/* ---- display ---- */

/* Where the display listens; NULL for one on another machine. */
static char *
display_socket (const char *wayland, const char *x11)
{
  if (wayland != NULL && g_path_is_absolute (wayland))
    return g_strdup (wayland);
  if (wayland != NULL)
    return g_build_filename (g_get_user_runtime_dir (), wayland, NULL);
  if (x11[0] != ':')
    return NULL;
  g_autofree char *number = g_strndup (x11 + 1, strspn (x11 + 1, "0123456789"));
  return g_strconcat ("/tmp/.X11-unix/X", number, NULL);
}

static void
try_display (GPtrArray *findings, const char *name, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_socket_client_set_timeout (client, 3);
  g_autoptr (GSocketConnection) connection =
      g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, &error);
  if (connection != NULL)
    gonio_doctor_add (findings, GONIO_HEALTH_OK, "display", g_strdup_printf ("%s answers", name),
                      NULL);
  else
    gonio_doctor_add (findings, GONIO_HEALTH_NOTE, "display",
                      g_strdup_printf ("%s does not answer: %s", name, error->message),
                      g_strdup ("The window needs it, gonio-cli does not. Log in to a desktop, or "
                                "correct DISPLAY or WAYLAND_DISPLAY."));
}

void
gonio_doctor_display (GPtrArray *findings)
{
  const char *wayland = g_getenv ("WAYLAND_DISPLAY"), *x11 = g_getenv ("DISPLAY");
  wayland = wayland != NULL && *wayland != '\0' ? wayland : NULL;
  x11 = x11 != NULL && *x11 != '\0' ? x11 : NULL;
  if (wayland == NULL && x11 == NULL) {
    gonio_doctor_add (findings, GONIO_HEALTH_NOTE, "display", g_strdup ("none"),
                      g_strdup ("The window needs one, gonio-cli does not. Log in to a desktop, "
                                "use ssh -X, or xvfb-run for tests."));
    return;
  }
  g_autofree char *name =
      wayland != NULL ? g_strdup_printf ("Wayland %s", wayland) : g_strdup_printf ("X11 %s", x11);
  g_autofree char *path = display_socket (wayland, x11);
  if (path != NULL)
    try_display (findings, name, path);
  else
    gonio_doctor_add (findings, GONIO_HEALTH_OK, "display",
                      g_strdup_printf ("%s, on another machine: not tried", name), NULL);
}
