/* The only C++ file: DCMTK behind the plain C of dicom.h. Parses data sets, copies attributes out
 * as UTF-8 and numbers, collects the bytes of a frame, and runs DCMTK's JPEG and JPEG-LS codecs
 * on streams that have been checked. Every exception stops here. Depends on base and DCMTK.
 */
#include <dcmtk/config/osconfig.h>

#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdict.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcistrma.h>
#include <dcmtk/dcmdata/dcmetinf.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcsequen.h>
#include <dcmtk/dcmdata/dcspchrs.h>
#include <dcmtk/dcmdata/dcuid.h>
#include <dcmtk/dcmdata/dcxfer.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <cmath>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

extern "C" {
#include "core/imaging/dicom.h"
#include "core/imaging/load-private.h"
}

namespace
{

/* Bounds of one parse. Real data sets nest less than 20 deep; a level costs DCMTK about 1 KiB of
 * stack. An element takes two to five reads and about 200 bytes. */
constexpr size_t kMaxStack = 512 * 1024;
constexpr guint kMaxReads = 8 * 1000 * 1000;
constexpr gint64 kMaxMicroseconds = 60 * G_USEC_PER_SEC;
constexpr guint kPollReads = 4096;
constexpr Uint32 kKeepInMemory = 4096; /* longer values stay in the file's bytes until asked for */
constexpr Uint32 kMaxText = 64 * 1024;
constexpr guint kMaxLut = 65536;

struct Bounds {
  const char *stack_top = nullptr;
  gint64 start = 0;
  guint reads = 0;
  GCancellable *cancellable = nullptr;
  const char *trouble = nullptr; /* which bound was hit */
  guint64 have = 0, need = 0;    /* of the last value that ends beyond the file */
};

/* Hands the file's bytes to DCMTK without copying; refuses to go on beyond the bounds. */
class MemoryProducer : public DcmProducer
{
public:
  MemoryProducer (const guint8 *data, size_t size, size_t at, Bounds *bounds)
      : data_ (data), size_ (size), at_ (at), bounds_ (bounds)
  {
  }
  OFBool good () const override
  {
    return status_.good ();
  }
  OFCondition status () const override
  {
    return status_;
  }
  OFBool eos () override
  {
    return status_.bad () || at_ >= size_;
  }
  offile_off_t avail () override
  {
    return status_.good () ? static_cast<offile_off_t> (size_ - at_) : 0;
  }
  offile_off_t read (void *out, offile_off_t length) override
  {
    size_t n = within_bounds () ? clip (length) : 0;
    memcpy (out, data_ + at_, n);
    at_ += n;
    return static_cast<offile_off_t> (n);
  }
  offile_off_t skip (offile_off_t length) override
  {
    size_t n = clip (length);
    if (n < static_cast<size_t> (length)) {
      bounds_->have = n;
      bounds_->need = static_cast<guint64> (length);
    }
    at_ += n;
    return static_cast<offile_off_t> (n);
  }
  void putback (offile_off_t n) override
  {
    if (n >= 0 && static_cast<size_t> (n) <= at_)
      at_ -= static_cast<size_t> (n);
    else
      status_ = EC_PutbackFailed;
  }
  size_t position () const
  {
    return at_;
  }

private:
  size_t clip (offile_off_t length) const
  {
    return length > 0 ? MIN (static_cast<size_t> (length), size_ - at_) : 0;
  }
  bool within_bounds ()
  {
    char here = 0;
    if (bounds_->trouble)
      return false;
    if (bounds_->stack_top &&
        static_cast<size_t> (std::abs (bounds_->stack_top - &here)) > kMaxStack)
      bounds_->trouble = "its sequences are nested hundreds of levels deep";
    else if (++bounds_->reads > kMaxReads)
      bounds_->trouble = "it has millions of elements";
    else if (bounds_->reads % kPollReads == 0 &&
             g_get_monotonic_time () - bounds_->start > kMaxMicroseconds)
      bounds_->trouble = "it takes more than a minute to parse";
    else if (bounds_->reads % kPollReads == 0 && g_cancellable_is_cancelled (bounds_->cancellable))
      bounds_->trouble = "reading was cancelled";
    if (bounds_->trouble)
      status_ = EC_CorruptedData;
    return bounds_->trouble == nullptr;
  }

  const guint8 *data_;
  size_t size_, at_;
  Bounds *bounds_;
  OFCondition status_ = EC_Normal;
};

class MemoryStream : public DcmInputStream
{
public:
  MemoryStream (const guint8 *data, size_t size, size_t at, Bounds *bounds)
      : DcmInputStream (&producer_), data_ (data), size_ (size), bounds_ (bounds),
        producer_ (data, size, at, bounds)
  {
  }
  DcmInputStreamFactory *newFactory () const override;

private:
  const guint8 *data_;
  size_t size_;
  Bounds *bounds_;
  MemoryProducer producer_;
};

class MemoryFactory : public DcmInputStreamFactory
{
public:
  MemoryFactory (const guint8 *data, size_t size, size_t at, Bounds *bounds)
      : data_ (data), size_ (size), at_ (at), bounds_ (bounds)
  {
  }
  DcmInputStream *create () const override
  {
    return new MemoryStream (data_, size_, at_, bounds_);
  }
  DcmInputStreamFactory *clone () const override
  {
    return new MemoryFactory (*this);
  }
  DcmInputStreamFactoryType ident () const override
  {
    return DFT_DcmInputFileStreamFactory;
  }

private:
  const guint8 *data_;
  size_t size_, at_;
  Bounds *bounds_;
};

DcmInputStreamFactory *
MemoryStream::newFactory () const
{
  return new MemoryFactory (data_, size_, producer_.position (), bounds_);
}

void
set_error (GError **error, GonioImageError code, const char *text)
{
  g_set_error_literal (error, GONIO_IMAGE_ERROR, code, text);
}

/* Runs body; what it throws becomes an error and FALSE. */
template <typename Body>
gboolean
guarded (GError **error, Body body)
{
  try {
    return body ();
  } catch (const std::bad_alloc &) {
    set_error (error, GONIO_IMAGE_ERROR_LIMIT,
               "there is not enough memory to read the DICOM data. Close other programs");
  } catch (const std::exception &e) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the DICOM data cannot be read (%s). Send the file again", e.what ());
  } catch (...) {
    set_error (error, GONIO_IMAGE_ERROR_MALFORMED,
               "the DICOM data cannot be read. Send the file again");
  }
  return FALSE;
}

/* Codecs, logger and dictionary are global in DCMTK. */
gpointer
start_dcmtk (gpointer)
{
  OFLog::configure (OFLogger::OFF_LOG_LEVEL);
  DJDecoderRegistration::registerCodecs (EDC_photometricInterpretation, EUC_never);
  DJLSDecoderRegistration::registerCodecs (EJLSUC_never, EJLSPC_colorByPixel);
  return GINT_TO_POINTER (dcmDataDict.isDictionaryLoaded () ? 1 : 2);
}

gboolean
ensure_dcmtk (GError **error)
{
  static GOnce once = G_ONCE_INIT;
  if (GPOINTER_TO_INT (g_once (&once, start_dcmtk, nullptr)) == 1)
    return TRUE;
  set_error (error, GONIO_IMAGE_ERROR_UNSUPPORTED,
             "the DICOM data dictionary of this computer is missing. Install the package of DCMTK "
             "that brings dicom.dic");
  return FALSE;
}

/* Transfer syntaxes by what reads them; names where DCMTK 3.6.7 has none. */
const struct {
  const char *uid;
  GonioDicomCodec codec;
  const char *name;
} kSyntaxes[] = {
    {"1.2.840.10008.1.2", GONIO_DICOM_NATIVE, nullptr},
    {"1.2.840.10008.1.2.1", GONIO_DICOM_NATIVE, nullptr},
    {"1.2.840.10008.1.2.1.99", GONIO_DICOM_NATIVE, nullptr},
    {"1.2.840.10008.1.2.2", GONIO_DICOM_NATIVE, nullptr},
    {"1.2.840.10008.1.2.5", GONIO_DICOM_RLE, nullptr},
    {"1.2.840.10008.1.2.4.80", GONIO_DICOM_JPEG_LS, nullptr},
    {"1.2.840.10008.1.2.4.81", GONIO_DICOM_JPEG_LS, nullptr},
    {"1.2.840.10008.1.2.4.90", GONIO_DICOM_JPEG_2000, nullptr},
    {"1.2.840.10008.1.2.4.91", GONIO_DICOM_JPEG_2000, nullptr},
    {"1.2.840.10008.1.2.4.92", GONIO_DICOM_JPEG_2000, nullptr},
    {"1.2.840.10008.1.2.4.93", GONIO_DICOM_JPEG_2000, nullptr},
    {"1.2.840.10008.1.2.4.201", GONIO_DICOM_JPEG_2000, "High-Throughput JPEG 2000 (Lossless Only)"},
    {"1.2.840.10008.1.2.4.202", GONIO_DICOM_JPEG_2000,
     "High-Throughput JPEG 2000 with RPCL (Lossless Only)"},
    {"1.2.840.10008.1.2.4.203", GONIO_DICOM_JPEG_2000, "High-Throughput JPEG 2000"},
    {"1.2.840.10008.1.2.8.1", GONIO_DICOM_OTHER, "Deflated Image Frame"},
    {"1.2.840.10008.1.2.4.94", GONIO_DICOM_OTHER, "JPIP Referenced (pixels on a server)"},
    {"1.2.840.10008.1.2.4.95", GONIO_DICOM_OTHER, "JPIP Referenced Deflate (pixels on a server)"},
    {"1.2.840.10008.1.2.4.100", GONIO_DICOM_OTHER, "MPEG-2 video"},
    {"1.2.840.10008.1.2.4.101", GONIO_DICOM_OTHER, "MPEG-2 video"},
    {"1.2.840.10008.1.2.4.102", GONIO_DICOM_OTHER, "MPEG-4 video"},
    {"1.2.840.10008.1.2.4.103", GONIO_DICOM_OTHER, "MPEG-4 video"},
    {"1.2.840.10008.1.2.4.104", GONIO_DICOM_OTHER, "MPEG-4 video"},
    {"1.2.840.10008.1.2.4.105", GONIO_DICOM_OTHER, "MPEG-4 video"},
    {"1.2.840.10008.1.2.4.106", GONIO_DICOM_OTHER, "MPEG-4 video"},
    {"1.2.840.10008.1.2.4.107", GONIO_DICOM_OTHER, "HEVC video"},
    {"1.2.840.10008.1.2.4.108", GONIO_DICOM_OTHER, "HEVC video"},
    {"1.2.840.10008.1.2.4.110", GONIO_DICOM_OTHER, "JPEG XL (Lossless)"},
    {"1.2.840.10008.1.2.4.111", GONIO_DICOM_OTHER, "JPEG XL (recompressed JPEG)"},
    {"1.2.840.10008.1.2.4.112", GONIO_DICOM_OTHER, "JPEG XL"},
};

} // namespace

struct _GonioDicomFile {
  GBytes *bytes = nullptr; /* what stream_ reads: the file or the inflated data set */
  GBytes *inflated = nullptr;
  GCancellable *cancellable = nullptr;
  Bounds bounds;
  DcmMetaInfo meta;
  DcmDataset dataset;
  DcmSpecificCharacterSet charset;
  bool has_charset = false;
  OFString syntax_uid;
  E_TransferSyntax syntax = EXS_Unknown;
  GonioDicomCodec codec = GONIO_DICOM_NATIVE;
  const char *syntax_name = nullptr; /* ours; NULL: DCMTK's */

  ~_GonioDicomFile ()
  {
    dataset.clear (); /* before the bytes that its values point into */
    g_clear_pointer (&bytes, g_bytes_unref);
    g_clear_pointer (&inflated, g_bytes_unref);
    g_clear_object (&cancellable);
  }
};

namespace
{

/* ---- parsing ---- */

/* The deflated data set behind the meta header (RFC 1951 without wrapper), bounded. A truncated
 * stream gives what there is. */
GBytes *
inflate (const guint8 *data, size_t size, GError **error)
{
  g_autoptr (GZlibDecompressor) z = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_RAW);
  g_autoptr (GByteArray) out = g_byte_array_new ();
  std::vector<guint8> chunk (1 << 20);
  size_t at = 0;

  for (;;) {
    gsize used = 0, made = 0;
    GConverterResult r =
        g_converter_convert (G_CONVERTER (z), data + at, size - at, chunk.data (), chunk.size (),
                             G_CONVERTER_INPUT_AT_END, &used, &made, nullptr);
    if (r == G_CONVERTER_ERROR)
      break;
    at += used;
    g_byte_array_append (out, chunk.data (), static_cast<guint> (made));
    if (out->len > GONIO_IMAGE_MAX_INFLATED) {
      set_error (error, GONIO_IMAGE_ERROR_LIMIT,
                 "the deflated data set grows beyond 1 GB when unpacked. Send it uncompressed");
      return nullptr;
    }
    if (r == G_CONVERTER_FINISHED)
      break;
  }
  return g_byte_array_free_to_bytes (static_cast<GByteArray *> (g_steal_pointer (&out)));
}

void
choose_syntax (GonioDicomFile *f)
{
  f->meta.findAndGetOFString (DCM_TransferSyntaxUID, f->syntax_uid);
  f->syntax = f->syntax_uid.empty () ? EXS_Unknown : DcmXfer (f->syntax_uid.c_str ()).getXfer ();
  f->codec = GONIO_DICOM_NATIVE;
  for (const auto &s : kSyntaxes) {
    if (f->syntax_uid == s.uid) {
      f->codec = s.codec;
      f->syntax_name = s.name;
      /* Encapsulated syntaxes are all explicit little endian around the pixels. */
      if (f->syntax == EXS_Unknown)
        f->syntax = EXS_JPEGProcess1;
      return;
    }
  }
  if (f->syntax != EXS_Unknown && DcmXfer (f->syntax).isEncapsulated ())
    f->codec = GONIO_DICOM_JPEG;
}

/* TRUE when the pixels have been reached, so that what failed came after them. */
bool
has_pixel_element (GonioDicomFile *f)
{
  return f->dataset.tagExists (DCM_PixelData) || f->dataset.tagExists (DCM_FloatPixelData) ||
         f->dataset.tagExists (DCM_DoubleFloatPixelData);
}

gboolean
parse (GonioDicomFile *f, GError **error)
{
  char here = 0;
  gsize size = 0;
  const guint8 *data = static_cast<const guint8 *> (g_bytes_get_data (f->bytes, &size));
  OFCondition status;

  f->bounds.stack_top = &here;
  f->bounds.start = g_get_monotonic_time ();
  f->bounds.cancellable = f->cancellable;
  MemoryStream stream (data, size, 0, &f->bounds);
  f->meta.transferInit ();
  status = f->meta.read (stream, EXS_Unknown, EGL_noChange, kKeepInMemory);
  f->meta.transferEnd ();
  if (status.good ()) {
    choose_syntax (f);
    f->dataset.transferInit ();
    if (f->syntax == EXS_DeflatedLittleEndianExplicit) {
      size_t at = static_cast<size_t> (stream.tell ());
      f->inflated = inflate (data + at, size - at, error);
      if (!f->inflated)
        return FALSE;
      data = static_cast<const guint8 *> (g_bytes_get_data (f->inflated, &size));
      MemoryStream inner (data, size, 0, &f->bounds);
      status = f->dataset.read (inner, EXS_LittleEndianExplicit, EGL_noChange, kKeepInMemory);
    } else {
      status = f->dataset.read (stream, f->syntax, EGL_noChange, kKeepInMemory);
    }
    f->dataset.transferEnd ();
  }
  f->bounds.stack_top = nullptr; /* values are loaded later from other depths */
  if (g_cancellable_set_error_if_cancelled (f->cancellable, error))
    return FALSE;
  if (f->bounds.trouble) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                 "the DICOM file is not a usual one: %s. Send the file again", f->bounds.trouble);
    return FALSE;
  }
  if (status.bad () && !has_pixel_element (f)) {
    g_autofree char *amount = gonio_format_amount (f->bounds.have, f->bounds.need);
    if (f->bounds.need > 0)
      g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                   "the file ends in the middle of an element (%s). Copy or send it again", amount);
    else
      g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                   "the DICOM data are damaged before the pixels (%s). Copy or send the file again",
                   status.text ());
    return FALSE;
  }
  f->has_charset = f->dataset.tagExistsWithValue (DCM_SpecificCharacterSet) &&
                   f->charset.selectCharacterSet (f->dataset).good ();
  return TRUE;
}

/* ---- attributes ---- */

/* Raw bytes of a short text element; false when absent, empty, too long or no text. */
bool
raw_text (DcmItem *item, const DcmTagKey &tag, std::string &out)
{
  DcmElement *element = nullptr;
  char *text = nullptr;
  Uint32 length = 0;

  if (!item || item->findAndGetElement (tag, element).bad () || !element ||
      element->getLength () == 0 || element->getLength () > kMaxText || !element->isaString ())
    return false;
  if (element->getString (text, length).bad () || !text)
    return false;
  out.assign (text, length);
  return true;
}

/* UTF-8 without control characters and padding, at most GONIO_IMAGE_MAX_TEXT characters; NULL
 * when nothing is left. */
char *
clean_text (const char *utf8)
{
  g_autofree char *valid = g_utf8_make_valid (utf8, -1);
  g_autoptr (GString) out = g_string_new (nullptr);
  glong n = 0;

  for (const char *p = valid; *p && n < GONIO_IMAGE_MAX_TEXT; p = g_utf8_next_char (p), n++) {
    gunichar c = g_utf8_get_char (p);
    if (!g_unichar_iscntrl (c))
      g_string_append_unichar (out, c);
  }
  g_strstrip (out->str);
  return out->str[0] ? g_strdup (out->str) : nullptr;
}

/* Text in the file's character sets, else UTF-8 or Latin-1 by the look of it. delimiters end the
 * effect of ISO 2022 escapes (PS3.5 6.1.2.5.3). (transfer full) */
char *
text (GonioDicomFile *f, DcmItem *item, const DcmTagKey &tag, const char *delimiters)
{
  std::string raw;
  OFString converted;

  if (!raw_text (item, tag, raw))
    return nullptr;
  if (f->has_charset &&
      f->charset.convertString (OFString (raw.data (), raw.size ()), converted, delimiters).good ())
    return clean_text (converted.c_str ());
  if (g_utf8_validate (raw.c_str (), -1, nullptr))
    return clean_text (raw.c_str ());
  g_autofree char *latin =
      g_convert (raw.c_str (), -1, "UTF-8", "ISO-8859-1", nullptr, nullptr, nullptr);
  return clean_text (latin ? latin : raw.c_str ());
}

/* Value number index of a decimal or integer string, or of a binary number. */
bool
number (DcmItem *item, const DcmTagKey &tag, unsigned long index, double &out)
{
  DcmElement *element = nullptr;
  std::string raw;
  double value = 0;

  if (!item || item->findAndGetElement (tag, element).bad () || !element)
    return false;
  if (raw_text (item, tag, raw)) {
    g_auto (GStrv) parts = g_strsplit (raw.c_str (), "\\", static_cast<gint> (index + 2));
    char *end = nullptr;
    if (g_strv_length (parts) <= index)
      return false;
    g_strstrip (parts[index]);
    value = g_ascii_strtod (parts[index], &end);
    if (end == parts[index])
      return false;
  } else {
    Uint16 u16 = 0;
    Sint16 s16 = 0;
    Uint32 u32 = 0;
    Sint32 s32 = 0;
    Float32 f32 = 0;
    Float64 f64 = 0;
    if (element->getUint16 (u16, index).good ())
      value = u16;
    else if (element->getSint16 (s16, index).good ())
      value = s16;
    else if (element->getUint32 (u32, index).good ())
      value = u32;
    else if (element->getSint32 (s32, index).good ())
      value = s32;
    else if (element->getFloat64 (f64, index).good ())
      value = f64;
    else if (element->getFloat32 (f32, index).good ())
      value = f32;
    else
      return false;
  }
  if (!std::isfinite (value))
    return false;
  out = value;
  return true;
}

guint
count_of (DcmItem *item, const DcmTagKey &tag, guint fallback)
{
  double value = 0;
  return number (item, tag, 0, value) && value >= 0 && value <= G_MAXINT
             ? static_cast<guint> (value)
             : fallback;
}

DcmItem *
sequence_item (DcmItem *item, const DcmTagKey &tag, signed long index)
{
  DcmItem *found = nullptr;
  return item && item->findAndGetSequenceItem (tag, found, index).good () ? found : nullptr;
}

/* Where an attribute of a frame may stand, nearest first: the functional group of the frame, the
 * shared one, the data set itself (PS3.3 C.7.6.16). */
using Scopes = std::vector<DcmItem *>;

Scopes
scopes (GonioDicomFile *f, guint frame, const DcmTagKey &group)
{
  Scopes out;
  DcmItem *own = sequence_item (&f->dataset, DCM_PerFrameFunctionalGroupsSequence,
                                static_cast<signed long> (frame));
  DcmItem *shared = sequence_item (&f->dataset, DCM_SharedFunctionalGroupsSequence, 0);
  for (DcmItem *holder : {own, shared})
    if (DcmItem *item = sequence_item (holder, group, 0))
      out.push_back (item);
  out.push_back (&f->dataset);
  return out;
}

bool
number_in (const Scopes &where, const DcmTagKey &tag, unsigned long index, double &out)
{
  for (DcmItem *item : where)
    if (number (item, tag, index, out))
      return true;
  return false;
}

char *
text_in (GonioDicomFile *f, const Scopes &where, const DcmTagKey &tag)
{
  for (DcmItem *item : where)
    if (char *found = text (f, item, tag, "\\"))
      return found;
  return nullptr;
}

void
pair_in (const Scopes &where, const DcmTagKey &tag, double out[2])
{
  double a = 0, b = 0;
  if (number_in (where, tag, 0, a) && number_in (where, tag, 1, b)) {
    out[0] = a;
    out[1] = b;
  }
}

/* Descriptor (entries, first input, bits) and entries; 0 entries mean 65536. Left out when the
 * data do not hold what the descriptor says. */
void
read_lut (DcmItem *item, const DcmTagKey &descriptor, const DcmTagKey &data, GonioDicomLut *out)
{
  DcmElement *d = nullptr, *e = nullptr;
  double count = 0, first = 0, bits = 0;
  Uint16 *words = nullptr;
  Uint8 *octets = nullptr;

  if (!item || item->findAndGetElement (descriptor, d).bad () ||
      item->findAndGetElement (data, e).bad () || !d || !e ||
      !number (item, descriptor, 0, count) || !number (item, descriptor, 1, first) ||
      !number (item, descriptor, 2, bits))
    return;
  guint n = static_cast<guint16> (static_cast<gint32> (count));
  n = n ? n : kMaxLut;
  Uint32 length = e->getLength ();
  if (length > kMaxLut * 2)
    return;
  bool is_bytes = length < n * 2u; /* one byte per entry, packed */
  if (is_bytes && length < n)
    return;
  g_autofree uint16_t *entries = g_new (uint16_t, n);
  if (e->getUint16Array (words).good () && words) {
    for (guint i = 0; i < n; i++) {
      guint word = words[is_bytes ? i / 2 : i];
      entries[i] = static_cast<uint16_t> (!is_bytes ? word : i % 2 ? word >> 8 : word & 0xFF);
    }
  } else if (e->getUint8Array (octets).good () && octets) {
    for (guint i = 0; i < n; i++)
      entries[i] =
          static_cast<uint16_t> (is_bytes ? octets[i] : octets[2 * i] | octets[2 * i + 1] << 8);
  } else {
    return;
  }
  out->first = static_cast<uint16_t> (static_cast<gint32> (first));
  out->first_is_signed = d->getVR () == EVR_SS;
  out->bits = static_cast<guint> (CLAMP (bits, 0, 16));
  out->count = n;
  out->data = static_cast<uint16_t *> (g_steal_pointer (&entries));
}

/* "ComputedRadiographyImageStorage" with spaces. (transfer full) */
char *
spaced_name (const char *keyword)
{
  g_autoptr (GString) out = g_string_new (nullptr);
  for (const char *p = keyword; *p; p++) {
    if (p > keyword && g_ascii_isupper (*p) && p[-1] != ' ' &&
        (g_ascii_islower (p[-1]) || g_ascii_islower (p[1])))
      g_string_append_c (out, ' ');
    g_string_append_c (out, *p);
  }
  return g_strdup (out->str);
}

void
describe_identity (GonioDicomFile *f, guint frame, GonioDicom *d)
{
  struct Row {
    char *GonioImageInfo::*field;
    DcmTagKey tag;
    const char *delimiters;
  };
  static const Row rows[] = {
      {&GonioImageInfo::modality, DCM_Modality, "\\"},
      {&GonioImageInfo::patient_name, DCM_PatientName, "\\^="},
      {&GonioImageInfo::patient_id, DCM_PatientID, "\\"},
      {&GonioImageInfo::patient_birth_date, DCM_PatientBirthDate, "\\"},
      {&GonioImageInfo::patient_sex, DCM_PatientSex, "\\"},
      {&GonioImageInfo::study_date, DCM_StudyDate, "\\"},
      {&GonioImageInfo::study_description, DCM_StudyDescription, "\\"},
      {&GonioImageInfo::study_uid, DCM_StudyInstanceUID, "\\"},
      {&GonioImageInfo::series_uid, DCM_SeriesInstanceUID, "\\"},
      {&GonioImageInfo::sop_instance_uid, DCM_SOPInstanceUID, "\\"},
      {&GonioImageInfo::body_part, DCM_BodyPartExamined, "\\"},
      {&GonioImageInfo::view_position, DCM_ViewPosition, "\\"},
      {&GonioImageInfo::patient_orientation, DCM_PatientOrientation, ""},
      {&GonioImageInfo::accession_number, DCM_AccessionNumber, "\\"},
      {&GonioImageInfo::photometric, DCM_PhotometricInterpretation, "\\"},
  };

  for (const Row &row : rows)
    d->info.*row.field = text (f, &f->dataset, row.tag, row.delimiters);
  Scopes anatomy = scopes (f, frame, DCM_FrameAnatomySequence);
  d->info.image_laterality = text_in (f, anatomy, DCM_FrameLaterality);
  if (!d->info.image_laterality)
    d->info.image_laterality = text (f, &f->dataset, DCM_ImageLaterality, "\\");
  if (!d->info.image_laterality)
    d->info.image_laterality = text (f, &f->dataset, DCM_Laterality, "\\");
  d->info.view_code_meaning =
      text (f, sequence_item (&f->dataset, DCM_ViewCodeSequence, 0), DCM_CodeMeaning, "\\");
  d->sop_class_uid = text (f, &f->dataset, DCM_SOPClassUID, "\\");
  if (!d->sop_class_uid)
    d->sop_class_uid = text (f, &f->meta, DCM_MediaStorageSOPClassUID, "\\");
  const char *keyword = d->sop_class_uid ? dcmFindNameOfUID (d->sop_class_uid, nullptr) : nullptr;
  d->info.sop_class = keyword ? spaced_name (keyword) : nullptr;
  d->info.format = g_strdup ("DICOM");
  d->info.frame = frame;
  d->info.exif_orientation = 1;
}

void
describe_syntax (GonioDicomFile *f, GonioDicom *d)
{
  E_TransferSyntax actual = f->dataset.getOriginalXfer ();
  DcmElement *pixels = nullptr;

  d->transfer_syntax_uid = g_strdup (f->syntax_uid.c_str ());
  d->info.transfer_syntax = g_strdup (
      f->syntax_name ? f->syntax_name
                     : DcmXfer (f->syntax == EXS_Unknown ? actual : f->syntax).getXferName ());
  d->codec = f->codec;
  d->is_directory = f->dataset.tagExists (DCM_DirectoryRecordSequence);
  d->has_float_pixels =
      f->dataset.tagExists (DCM_FloatPixelData) || f->dataset.tagExists (DCM_DoubleFloatPixelData);
  d->has_pixels = f->dataset.findAndGetElement (DCM_PixelData, pixels).good () && pixels != nullptr;
  if (!d->has_pixels || d->codec == GONIO_DICOM_OTHER)
    return;
  /* What is there counts, not what the meta header says: pixels of defined length are native,
   * fragments without a compressed syntax are taken for the JPEG family. */
  DcmPixelData *data = dynamic_cast<DcmPixelData *> (pixels);
  E_TransferSyntax kept = EXS_Unknown;
  const DcmRepresentationParameter *parameter = nullptr;
  if (data)
    data->getOriginalRepresentationKey (kept, parameter);
  DcmPixelSequence *sequence = nullptr;
  bool fragments =
      data && data->getEncapsulatedRepresentation (kept, parameter, sequence).good () && sequence;
  if (!fragments)
    d->codec = GONIO_DICOM_NATIVE;
  else if (d->codec == GONIO_DICOM_NATIVE)
    d->codec = GONIO_DICOM_JPEG;
}

void
describe_values (GonioDicomFile *f, guint frame, GonioDicom *d)
{
  DcmItem *set = &f->dataset;
  Scopes transformation = scopes (f, frame, DCM_PixelValueTransformationSequence);
  Scopes voi = scopes (f, frame, DCM_FrameVOILUTSequence);
  DcmItem *table = sequence_item (set, DCM_ModalityLUTSequence, 0);
  double a = 0, b = 0;

  d->slope = 1;
  if (number_in (transformation, DCM_RescaleSlope, 0, a) && a != 0) {
    d->slope = a;
    if (number_in (transformation, DCM_RescaleIntercept, 0, b))
      d->intercept = b;
  }
  read_lut (table, DCM_LUTDescriptor, DCM_LUTData, &d->modality_lut);
  read_lut (sequence_item (set, DCM_VOILUTSequence, 0), DCM_LUTDescriptor, DCM_LUTData,
            &d->voi_lut);
  read_lut (set, DCM_RedPaletteColorLookupTableDescriptor, DCM_RedPaletteColorLookupTableData,
            &d->palette[0]);
  read_lut (set, DCM_GreenPaletteColorLookupTableDescriptor, DCM_GreenPaletteColorLookupTableData,
            &d->palette[1]);
  read_lut (set, DCM_BluePaletteColorLookupTableDescriptor, DCM_BluePaletteColorLookupTableData,
            &d->palette[2]);
  d->has_window = number_in (voi, DCM_WindowCenter, 0, d->window_center) &&
                  number_in (voi, DCM_WindowWidth, 0, d->window_width);
  d->voi_function = text_in (f, voi, DCM_VOILUTFunction);
  d->presentation_shape = text (f, set, DCM_PresentationLUTShape, "\\");
  if (number (set, DCM_PixelPaddingValue, 0, a)) {
    d->has_padding = TRUE;
    d->padding_value = d->padding_limit = static_cast<gint64> (a);
    if (number (set, DCM_PixelPaddingRangeLimit, 0, b))
      d->padding_limit = static_cast<gint64> (b);
  }
}

void
describe_geometry (GonioDicomFile *f, guint frame, GonioDicom *d)
{
  Scopes measures = scopes (f, frame, DCM_PixelMeasuresSequence);

  pair_in (measures, DCM_PixelSpacing, d->pixel_spacing);
  pair_in (measures, DCM_ImagerPixelSpacing, d->imager_spacing);
  pair_in (measures, DCM_NominalScannedPixelSpacing, d->scanned_spacing);
  pair_in (measures, DCM_PixelAspectRatio, d->aspect);
  number (&f->dataset, DCM_EstimatedRadiographicMagnificationFactor, 0, d->magnification);
  d->calibration_type = text_in (f, measures, DCM_PixelSpacingCalibrationType);
  d->calibration_description = text_in (f, measures, DCM_PixelSpacingCalibrationDescription);
}

void
describe_pixels (GonioDicomFile *f, GonioDicom *d)
{
  DcmItem *set = &f->dataset;

  d->rows = count_of (set, DCM_Rows, 0);
  d->columns = count_of (set, DCM_Columns, 0);
  d->samples = count_of (set, DCM_SamplesPerPixel, 1);
  d->planar = count_of (set, DCM_PlanarConfiguration, 0);
  d->bits_allocated = count_of (set, DCM_BitsAllocated, 0);
  d->bits_stored = count_of (set, DCM_BitsStored, 0);
  d->high_bit = count_of (set, DCM_HighBit, 0);
  d->is_signed = count_of (set, DCM_PixelRepresentation, 0) == 1;
  d->frames = CLAMP (count_of (set, DCM_NumberOfFrames, 1), 1, GONIO_IMAGE_MAX_FRAMES);
  d->info.frames = d->frames;
}

/* ---- frames ---- */

GBytes *
read_native (GonioDicomFile *f, DcmPixelData *pixels, guint frame, guint64 frame_bytes,
             GError **error)
{
  guint64 start = frame * frame_bytes, end = start + frame_bytes, have = pixels->getLength ();

  if (f->bounds.need > 0 && f->bounds.need == have)
    have = f->bounds.have; /* this is the value that ends beyond the file */
  if (end > have || end > G_MAXUINT32) {
    g_autofree char *amount = gonio_format_amount (have, end);
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the file ends in the middle of the pixel data (%s). Copy or send it again",
                 amount);
    return nullptr;
  }
  g_autofree gpointer buffer = gonio_pixels_alloc (frame_bytes, 1, 1, error);
  if (!buffer)
    return nullptr;
  if (pixels
          ->getPartialValue (buffer, static_cast<Uint32> (start), static_cast<Uint32> (frame_bytes))
          .bad ()) {
    set_error (error, GONIO_IMAGE_ERROR_MALFORMED,
               "the pixel data cannot be read to their end. Copy or send the file again");
    return nullptr;
  }
  return g_bytes_new_take (g_steal_pointer (&buffer), frame_bytes);
}

bool
starts_frame (const Uint8 *p, size_t size)
{
  static const Uint8 jp2[8] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
  return (size >= 3 && p[0] == 0xFF && p[1] == 0xD8 && p[2] == 0xFF) ||
         (size >= 4 && p[0] == 0xFF && p[1] == 0x4F && p[2] == 0xFF && p[3] == 0x51) ||
         (size >= 8 && memcmp (p, jp2, 8) == 0);
}

/* First and one past the last fragment of a frame; fragment 0 is the offset table. */
bool
find_fragments (const std::vector<DcmPixelItem *> &items, guint frame, guint frames, size_t &out_a,
                size_t &out_b)
{
  size_t n = items.size ();
  Uint8 *table = nullptr;
  std::vector<size_t> starts;

  if (n < 2)
    return false;
  if (frames == 1) {
    out_a = 1;
    out_b = n;
    return true;
  }
  if (n == frames + 1u) {
    out_a = frame + 1;
    out_b = frame + 2;
    return true;
  }
  if (items[0]->getLength () == frames * 4u && items[0]->getUint8Array (table).good () && table) {
    guint64 offset = 0;
    std::vector<guint64> wanted (frames);
    for (guint i = 0; i < frames; i++)
      wanted[i] = static_cast<guint64> (table[i * 4]) | table[i * 4 + 1] << 8 |
                  table[i * 4 + 2] << 16 | static_cast<guint64> (table[i * 4 + 3]) << 24;
    for (size_t i = 1; i < n && starts.size () < frames; i++) {
      if (offset == wanted[starts.size ()])
        starts.push_back (i);
      offset += items[i]->getLength () + 8;
    }
  }
  if (starts.size () != frames) { /* no usable table: look for the start of each stream */
    starts.clear ();
    for (size_t i = 1; i < n; i++) {
      Uint8 *data = nullptr;
      if (items[i]->getUint8Array (data).good () && data &&
          starts_frame (data, items[i]->getLength ()))
        starts.push_back (i);
      items[i]->compact ();
    }
  }
  if (frame >= starts.size ())
    return false;
  out_a = starts[frame];
  out_b = frame + 1 < starts.size () ? starts[frame + 1] : n;
  return true;
}

GBytes *
read_fragments (DcmPixelSequence *sequence, const GonioDicom *d, guint frame, GError **error)
{
  std::vector<DcmPixelItem *> items;
  size_t a = 0, b = 0;
  g_autoptr (GByteArray) out = g_byte_array_new ();

  for (DcmObject *o = sequence->nextInContainer (nullptr); o; o = sequence->nextInContainer (o))
    if (DcmPixelItem *item = dynamic_cast<DcmPixelItem *> (o))
      items.push_back (item);
  if (!find_fragments (items, frame, d->frames, a, b)) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the compressed pixel data have %u fragments, in which frame %u of %u cannot be "
                 "found. Copy or send the file again",
                 static_cast<guint> (items.empty () ? 0 : items.size () - 1), frame + 1, d->frames);
    return nullptr;
  }
  for (size_t i = a; i < b; i++) {
    Uint8 *data = nullptr;
    Uint32 length = items[i]->getLength ();
    if (length == 0)
      continue;
    if (items[i]->getUint8Array (data).bad () || !data) {
      set_error (error, GONIO_IMAGE_ERROR_MALFORMED,
                 "the file ends in the middle of the compressed pixel data. Copy or send it again");
      return nullptr;
    }
    g_byte_array_append (out, data, length);
    items[i]->compact ();
  }
  if (out->len == 0) {
    set_error (error, GONIO_IMAGE_ERROR_MALFORMED,
               "the compressed pixel data are empty. Copy or send the file again");
    return nullptr;
  }
  return g_byte_array_free_to_bytes (static_cast<GByteArray *> (g_steal_pointer (&out)));
}

GBytes *
read_frame (GonioDicomFile *f, const GonioDicom *d, guint frame, guint64 frame_bytes,
            GError **error)
{
  DcmElement *element = nullptr;
  DcmPixelSequence *sequence = nullptr;
  E_TransferSyntax kept = EXS_Unknown;
  const DcmRepresentationParameter *parameter = nullptr;

  f->dataset.findAndGetElement (DCM_PixelData, element);
  DcmPixelData *pixels = dynamic_cast<DcmPixelData *> (element);
  if (!pixels) {
    set_error (error, GONIO_IMAGE_ERROR_MALFORMED,
               "the pixel data are of an unusual kind. Send the file again");
    return nullptr;
  }
  if (d->codec == GONIO_DICOM_NATIVE)
    return read_native (f, pixels, frame, frame_bytes, error);
  pixels->getOriginalRepresentationKey (kept, parameter);
  if (pixels->getEncapsulatedRepresentation (kept, parameter, sequence).bad () || !sequence) {
    set_error (error, GONIO_IMAGE_ERROR_MALFORMED,
               "the compressed pixel data are missing. Send the file again");
    return nullptr;
  }
  return read_fragments (sequence, d, frame, error);
}

/* ---- codecs ---- */

/* The syntax that picks DCMTK's decoder for a frame header. */
E_TransferSyntax
syntax_of_stream (guint8 sof)
{
  switch (sof) {
  case 0xC0:
    return EXS_JPEGProcess1;
  case 0xC1:
    return EXS_JPEGProcess2_4;
  case 0xC2:
    return EXS_JPEGProcess10_12;
  case 0xC3:
    return EXS_JPEGProcess14;
  case 0xF7:
    return EXS_JPEGLSLossy;
  default:
    return EXS_Unknown;
  }
}

/* A data set that says nothing but what the stream itself says, around the one fragment. */
DcmPixelData *
wrap_stream (DcmDataset &set, const GonioDicomStream *s, GBytes *data, E_TransferSyntax syntax)
{
  gsize size = 0;
  const Uint8 *bytes = static_cast<const Uint8 *> (g_bytes_get_data (data, &size));
  Uint16 allocated = s->precision > 8 ? 16 : 8;
  std::unique_ptr<DcmPixelSequence> sequence (new DcmPixelSequence (DCM_PixelSequenceTag));
  std::unique_ptr<DcmPixelItem> fragment (new DcmPixelItem (DCM_PixelItemTag));

  set.putAndInsertUint16 (DCM_Rows, static_cast<Uint16> (s->rows));
  set.putAndInsertUint16 (DCM_Columns, static_cast<Uint16> (s->columns));
  set.putAndInsertUint16 (DCM_SamplesPerPixel, static_cast<Uint16> (s->samples));
  set.putAndInsertUint16 (DCM_BitsAllocated, allocated);
  set.putAndInsertUint16 (DCM_BitsStored, allocated);
  set.putAndInsertUint16 (DCM_HighBit, allocated - 1);
  set.putAndInsertUint16 (DCM_PixelRepresentation, 0);
  set.putAndInsertUint16 (DCM_PlanarConfiguration, 0);
  set.putAndInsertString (DCM_PhotometricInterpretation, s->photometric);
  sequence->insert (new DcmPixelItem (DCM_PixelItemTag)); /* empty offset table */
  if (fragment->putUint8Array (bytes, static_cast<unsigned long> (size)).bad ())
    return nullptr;
  sequence->insert (fragment.release ());
  std::unique_ptr<DcmPixelData> pixels (new DcmPixelData (DCM_PixelData));
  pixels->putOriginalRepresentation (syntax, nullptr, sequence.release ());
  DcmPixelData *kept = pixels.get ();
  return set.insert (pixels.release ()).good () ? kept : nullptr;
}

gboolean
decode_stream (const GonioDicomStream *s, GBytes *data, gpointer out, size_t out_size,
               gboolean *out_is_ybr, GError **error)
{
  DcmDataset set;
  E_TransferSyntax syntax = syntax_of_stream (s->sof);
  Uint32 fragment = 1;
  OFString model;

  if (syntax == EXS_Unknown || out_size > G_MAXUINT32 ||
      g_bytes_get_size (data) > G_MAXUINT32 - 2) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_UNSUPPORTED,
                 "this kind of JPEG (frame header 0x%02X) is not read. Send the image uncompressed",
                 s->sof);
    return FALSE;
  }
  DcmPixelData *pixels = wrap_stream (set, s, data, syntax);
  OFCondition status = pixels ? pixels->getUncompressedFrame (&set, 0, fragment, out,
                                                              static_cast<Uint32> (out_size), model)
                              : EC_MemoryExhausted;
  if (status.bad ()) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the compressed pixel data are damaged or cut short (%s). Copy or send the file "
                 "again",
                 status.text ());
    return FALSE;
  }
  *out_is_ybr = model.compare (0, 4, "YBR_") == 0;
  return TRUE;
}

} // namespace

/* ---- the C interface ---- */

GonioDicomFile *
gonio_dicom_file_open (GBytes *bytes, GCancellable *cancellable, GError **error)
{
  GonioDicomFile *file = nullptr;
  gboolean ok = guarded (error, [&] () -> gboolean {
    if (!ensure_dcmtk (error))
      return FALSE;
    file = new _GonioDicomFile;
    file->bytes = g_bytes_ref (bytes);
    if (cancellable)
      file->cancellable = G_CANCELLABLE (g_object_ref (cancellable));
    return parse (file, error);
  });
  if (ok)
    return file;
  gonio_dicom_file_free (file);
  return nullptr;
}

void
gonio_dicom_file_free (GonioDicomFile *file)
{
  delete file;
}

gboolean
gonio_dicom_file_describe (GonioDicomFile *file, guint frame, GonioDicom *out, GError **error)
{
  return guarded (error, [&] () -> gboolean {
    describe_identity (file, frame, out);
    describe_syntax (file, out);
    describe_pixels (file, out);
    describe_values (file, frame, out);
    describe_geometry (file, frame, out);
    return TRUE;
  });
}

GBytes *
gonio_dicom_file_read_frame (GonioDicomFile *file, const GonioDicom *dicom, guint frame,
                             guint64 frame_bytes, GError **error)
{
  GBytes *bytes = nullptr;
  guarded (error, [&] () -> gboolean {
    bytes = read_frame (file, dicom, frame, frame_bytes, error);
    return bytes != nullptr;
  });
  return bytes;
}

gboolean
gonio_dicom_decode_stream (const GonioDicomStream *stream, GBytes *data, gpointer out,
                           size_t out_size, gboolean *out_is_ybr, GError **error)
{
  return guarded (error, [&] () -> gboolean {
    return decode_stream (stream, data, out, out_size, out_is_ybr, error);
  });
}
