/* Texts of a DICOM file on their way to the screen. Depends on base. */
#include "core/imaging/dicom.h"

#include "core/imaging/load-private.h"

char *
gonio_dicom_clean_text (const char *utf8)
{
  g_autofree char *valid = g_utf8_make_valid (utf8, -1);
  GString *out = g_string_new (NULL);
  glong n = 0;

  for (const char *p = valid; *p && n < GONIO_IMAGE_MAX_TEXT; p = g_utf8_next_char (p), n++) {
    gunichar c = g_utf8_get_char (p);

    if (!g_unichar_iscntrl (c))
      g_string_append_unichar (out, c);
  }
  g_strstrip (out->str);
  return g_string_free (out, out->str[0] == 0);
}

char *
gonio_dicom_guess_text (const char *raw)
{
  g_autofree char *latin = NULL;

  if (!g_utf8_validate (raw, -1, NULL))
    latin = g_convert (raw, -1, "UTF-8", "ISO-8859-1", NULL, NULL, NULL);
  return gonio_dicom_clean_text (latin ? latin : raw);
}

char *
gonio_dicom_spaced_name (const char *keyword)
{
  GString *out = g_string_new (NULL);

  for (const char *p = keyword; *p; p++) {
    if (p > keyword && g_ascii_isupper (*p) && p[-1] != ' ' &&
        (g_ascii_islower (p[-1]) || g_ascii_islower (p[1])))
      g_string_append_c (out, ' ');
    g_string_append_c (out, *p);
  }
  return g_string_free (out, FALSE);
}

GonioDicomLut
gonio_dicom_lut_unpack (const uint8_t *bytes, size_t size, gboolean swap, guint entries)
{
  GonioDicomLut lut = {0};
  gboolean packed = size < (size_t)entries * 2; /* one byte per entry */

  if (entries == 0 || size < entries)
    return lut;
  lut.count = entries;
  lut.data = g_new (uint16_t, entries);
  for (guint i = 0; i < entries; i++) {
    size_t at = packed ? i : 2 * (size_t)i;

    lut.data[i] = packed ? bytes[swap ? at ^ 1 : at]
                         : (uint16_t)(bytes[swap ? at + 1 : at] | bytes[swap ? at : at + 1] << 8);
  }
  return lut;
}
