/* DICOM character sets to UTF-8 (PS3.3 C.12.1.1.2, PS3.5 6.1): single byte sets, UTF-8 and GB,
 * and ISO 2022 code extensions with their Japanese, Korean and Chinese sets. DCMTK's converter
 * is not used: built on the C library's iconv it knows no ISO-IR-87 and ISO-IR-159.
 * Depends on base and the iconv behind g_convert().
 */
#include "core/imaging/dicom.h"

#include "core/imaging/load-private.h"

/* How bytes of a set become bytes of an encoding that iconv knows. */
typedef enum {
  FORM_ASCII,    /* G0, one byte */
  FORM_SINGLE,   /* G1, one byte */
  FORM_KANA,     /* G1, one byte: EUC-JP with prefix 8E */
  FORM_PAIR_G1,  /* G1, two bytes as they are */
  FORM_PAIR_G0,  /* G0, two bytes: EUC-JP with the high bits set */
  FORM_PAIR_G0S, /* the same with prefix 8F (supplementary kanji) */
} Form;

typedef struct {
  const char *number; /* of "ISO_IR n" and "ISO 2022 IR n" */
  const char *escape; /* after ESC; nullable */
  Form form;
  const char *encoding;
} Set;

static const Set sets[] = {
    {"6", "(B", FORM_ASCII, "ASCII"},
    {"14", "(J", FORM_ASCII, "ASCII"}, /* JIS romaji: only yen and overline differ */
    {"100", "-A", FORM_SINGLE, "ISO-8859-1"},
    {"101", "-B", FORM_SINGLE, "ISO-8859-2"},
    {"109", "-C", FORM_SINGLE, "ISO-8859-3"},
    {"110", "-D", FORM_SINGLE, "ISO-8859-4"},
    {"144", "-L", FORM_SINGLE, "ISO-8859-5"},
    {"127", "-G", FORM_SINGLE, "ISO-8859-6"},
    {"126", "-F", FORM_SINGLE, "ISO-8859-7"},
    {"138", "-H", FORM_SINGLE, "ISO-8859-8"},
    {"148", "-M", FORM_SINGLE, "ISO-8859-9"},
    {"203", "-b", FORM_SINGLE, "ISO-8859-15"},
    {"166", "-T", FORM_SINGLE, "TIS-620"},
    {"13", ")I", FORM_KANA, "EUC-JP"},
    {"87", "$B", FORM_PAIR_G0, "EUC-JP"},
    {"159", "$(D", FORM_PAIR_G0S, "EUC-JP"},
    {"149", "$)C", FORM_PAIR_G1, "EUC-KR"},
    {"58", "$)A", FORM_PAIR_G1, "GB2312"},
};

static gboolean
is_g1 (const Set *set)
{
  return set->form == FORM_SINGLE || set->form == FORM_KANA || set->form == FORM_PAIR_G1;
}

/* The set of a defined term, NULL when it is unknown. */
static const Set *
find_term (const char *term)
{
  static const char *const prefixes[] = {"ISO_IR ", "ISO 2022 IR ", "ISO-IR ", "ISO_IR_"};

  if (*term == 0)
    return &sets[0];
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (term, prefixes[i]))
      for (guint k = 0; k < G_N_ELEMENTS (sets); k++)
        if (g_str_equal (term + strlen (prefixes[i]), sets[k].number))
          return &sets[k];
  return NULL;
}

typedef struct {
  const Set *g0, *g1;             /* now */
  const Set *first_g0, *first_g1; /* at the start and after each delimiter */
  const char *encoding;           /* of the bytes waiting in run */
  GByteArray *run;
  GString *out;
} Decoder;

/* Converts the waiting bytes; what iconv refuses becomes replacement characters. */
static void
flush (Decoder *d)
{
  const GByteArray *run = d->run;
  g_autofree char *text = NULL;

  if (run->len == 0)
    return;
  text = g_convert ((const char *)run->data, run->len, "UTF-8", d->encoding, NULL, NULL, NULL);
  if (text)
    g_string_append (d->out, text);
  for (guint i = 0; !text && i < run->len; i++) {
    if (run->data[i] < 0x80)
      g_string_append_c (d->out, (char)run->data[i]);
    else if (i == 0 || run->data[i - 1] < 0x80)
      g_string_append_unichar (d->out, 0xFFFD);
  }
  g_byte_array_set_size (d->run, 0);
}

static void
put (Decoder *d, const char *encoding, const guint8 *bytes, guint n)
{
  if (!g_str_equal (d->encoding, encoding)) {
    flush (d);
    d->encoding = encoding;
  }
  g_byte_array_append (d->run, bytes, n);
}

/* An escape sequence at p (after ESC): switches a set. Returns its length, 0 if unknown. */
static guint
read_escape (Decoder *d, const char *p)
{
  for (guint k = 0; k < G_N_ELEMENTS (sets); k++) {
    if (g_str_has_prefix (p, sets[k].escape)) {
      if (is_g1 (&sets[k]))
        d->g1 = &sets[k];
      else
        d->g0 = &sets[k];
      return (guint)strlen (sets[k].escape);
    }
  }
  return 0;
}

/* One character at p of n left bytes. Returns the bytes taken. */
static size_t
read_character (Decoder *d, const guint8 *p, size_t n)
{
  const Set *set = p[0] & 0x80 ? d->g1 : d->g0;
  gboolean is_pair = set->form >= FORM_PAIR_G1 && n >= 2 && p[0] > 0x20;
  guint8 bytes[3] = {p[0], is_pair ? p[1] : 0, 0};

  switch (is_pair || set->form < FORM_PAIR_G1 ? set->form : FORM_ASCII) {
  case FORM_KANA:
    put (d, set->encoding, (const guint8[]){0x8E, p[0]}, 2);
    return 1;
  case FORM_PAIR_G1:
    put (d, set->encoding, bytes, 2);
    return 2;
  case FORM_PAIR_G0:
    put (d, set->encoding, (const guint8[]){p[0] | 0x80, p[1] | 0x80}, 2);
    return 2;
  case FORM_PAIR_G0S:
    put (d, set->encoding, (const guint8[]){0x8F, p[0] | 0x80, p[1] | 0x80}, 3);
    return 2;
  default:
    put (d, set->encoding, bytes, 1);
    return 1;
  }
}

/* Delimiters bring the first sets back; in a two-byte set they may be half a character. */
static gboolean
is_delimiter (guint8 c, gboolean is_name)
{
  return c == '\\' || c == '\n' || c == '\r' || c == '\f' || c == '\t' ||
         (is_name && (c == '^' || c == '='));
}

static char *
decode_iso2022 (const char *raw, gboolean is_name, const Set *first, const Set *spare_g1)
{
  Decoder d = {.encoding = "ASCII", .run = g_byte_array_new (), .out = g_string_new (NULL)};
  size_t n = strlen (raw);

  /* Bytes with the high bit need a set even where none was chosen: the declared one, or Latin. */
  d.first_g0 = &sets[0];
  d.first_g1 = is_g1 (first) ? first : spare_g1 ? spare_g1 : &sets[2];
  d.g0 = d.first_g0;
  d.g1 = d.first_g1;
  for (size_t at = 0; at < n;) {
    const guint8 *p = (const guint8 *)raw + at;
    guint escape = p[0] == 0x1B ? read_escape (&d, raw + at + 1) : 0;

    if (p[0] == 0x1B) {
      at += 1 + escape;
      continue;
    }
    if (is_delimiter (p[0], is_name) && d.g0->form < FORM_PAIR_G1) {
      d.g0 = d.first_g0;
      d.g1 = d.first_g1;
    }
    at += read_character (&d, p, n - at);
  }
  flush (&d);
  g_byte_array_unref (d.run);
  return g_string_free (d.out, FALSE);
}

char *
gonio_dicom_decode_text (const char *raw, const char *charset, gboolean is_name)
{
  static const struct {
    const char *term, *encoding;
  } whole[] = {{"ISO_IR 192", "UTF-8"}, {"GB18030", "GB18030"}, {"GBK", "GBK"}};
  g_auto (GStrv) terms = g_strsplit (charset ? charset : "", "\\", 32);
  const Set *first = NULL, *spare_g1 = NULL;
  g_autofree char *text = NULL;

  for (guint i = 0; terms[i]; i++) {
    const Set *set = find_term (g_strstrip (terms[i]));

    if (i == 0)
      first = set;
    if (set && !spare_g1 && is_g1 (set))
      spare_g1 = set;
  }
  for (guint i = 0; terms[0] && i < G_N_ELEMENTS (whole); i++)
    if (g_str_equal (terms[0], whole[i].term))
      text = g_convert (raw, -1, "UTF-8", whole[i].encoding, NULL, NULL, NULL);
  /* Plain ASCII, an unknown set or invalid bytes: go by the look of it. */
  if (!text && first && (first != &sets[0] || spare_g1 || strchr (raw, 0x1B)))
    text = decode_iso2022 (raw, is_name, first, spare_g1);
  return text ? gonio_dicom_clean_text (text) : gonio_dicom_guess_text (raw);
}
