#include "backends/gl/common/describe.h"

#include <string.h>

gboolean
gonio_gl_is_software (const char *renderer)
{
  static const char *const known[] = {
      "llvmpipe",    "softpipe", "swrast",         "lavapipe",       "software rasterizer",
      "swiftshader", "openswr",  "mesa offscreen", "apple software", "microsoft basic render",
      "gdi generic", "mesa x11",
  };
  g_autofree char *lower = g_ascii_strdown (renderer, -1);
  for (guint i = 0; i < G_N_ELEMENTS (known); i++)
    if (strstr (lower, known[i]))
      return TRUE;
  return FALSE;
}

static void
add_size (GString *text, const char *what, gint64 bytes)
{
  if (bytes > 0)
    g_string_append_printf (text, ", %s%" G_GINT64_FORMAT " MiB", what, bytes >> 20);
}

char *
gonio_gl_describe (const GonioGlLimits *limits)
{
  g_autoptr (GString) text = g_string_new (NULL);
  const char *targets = limits->float_targets && limits->half_targets ? "32-bit and 16-bit"
                        : limits->float_targets                       ? "32-bit"
                        : limits->half_targets                        ? "16-bit"
                                                                      : "no";
  g_string_append_printf (text, "OpenGL%s %d.%d by %s, %s compute shaders, %s float targets",
                          limits->es ? " ES" : "", limits->version / 10, limits->version % 10,
                          limits->vendor, limits->compute ? "with" : "without", targets);
  g_string_append_printf (text, ", textures to %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT " of them",
                          limits->max_texture, limits->max_units);
  if (limits->compute) {
    add_size (text, "buffers to ", limits->max_storage);
    g_string_append_printf (text, ", %" G_GINT64_FORMAT " of them", limits->max_buffers);
    g_string_append_printf (text, ", groups of %" G_GINT64_FORMAT " threads", limits->max_threads);
  }
  add_size (text, "memory ", limits->memory);
  g_string_append (text, limits->robust ? ", says when it was reset" : ", silent about resets");
  g_string_append (text, limits->binaries ? ", programs can be kept" : ", programs are not kept");
  return g_string_free (g_steal_pointer (&text), FALSE);
}
