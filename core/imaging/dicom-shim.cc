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
#include <dcmtk/dcmdata/dcuid.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <cmath>
#include <memory>
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
constexpr guint kMaxReads = 4 * 1000 * 1000;
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
  guint64 have = 0, need = 0;    /* of the value that ends beyond the file */
  size_t cut_at = SIZE_MAX;      /* where that value starts */
  bool allow_cut = false;        /* its part may be read */
};

/* A place in the bytes of the file. */
struct View {
  const guint8 *data;
  size_t size, at;
  Bounds *bounds;
};

/* Hands the bytes to DCMTK without copying; refuses to go on beyond the bounds. */
class MemoryProducer : public DcmProducer
{
public:
  explicit MemoryProducer (const View &view) : v_ (view)
  {
  }
  const View &view () const
  {
    return v_;
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
    return status_.bad () || v_.at >= v_.size;
  }
  offile_off_t avail () override
  {
    return status_.good () ? static_cast<offile_off_t> (v_.size - v_.at) : 0;
  }
  offile_off_t read (void *out, offile_off_t length) override
  {
    check_bounds ();
    size_t n = status_.good () ? clip (length) : 0;
    memcpy (out, v_.data + v_.at, n);
    v_.at += n;
    return static_cast<offile_off_t> (n);
  }
  offile_off_t skip (offile_off_t length) override
  {
    size_t n = clip (length);
    v_.at += n;
    return static_cast<offile_off_t> (n);
  }
  void putback (offile_off_t n) override
  {
    if (n >= 0 && static_cast<size_t> (n) <= v_.at)
      v_.at -= static_cast<size_t> (n);
    else
      status_ = EC_PutbackFailed;
  }

private:
  size_t clip (offile_off_t length)
  {
    size_t want = length > 0 ? static_cast<size_t> (length) : 0, n = MIN (want, v_.size - v_.at);
    if (n < want) {
      v_.bounds->have = n;
      v_.bounds->need = want;
      v_.bounds->cut_at = v_.at;
    }
    return n;
  }
  void check_bounds ()
  {
    char here = 0;
    Bounds *b = v_.bounds;
    bool poll = ++b->reads % kPollReads == 0;
    if (b->stack_top && static_cast<size_t> (std::abs (b->stack_top - &here)) > kMaxStack)
      b->trouble = "its sequences are nested hundreds of levels deep";
    else if (b->reads > kMaxReads)
      b->trouble = "it has millions of elements";
    else if (poll && b->start && g_get_monotonic_time () - b->start > kMaxMicroseconds)
      b->trouble = "it takes more than a minute to parse";
    else if (poll && g_cancellable_is_cancelled (b->cancellable))
      b->trouble = "reading was cancelled";
    if (b->trouble)
      status_ = EC_CorruptedData;
  }

  View v_;
  OFCondition status_ = EC_Normal;
};

class MemoryStream : public DcmInputStream
{
public:
  explicit MemoryStream (const View &view) : DcmInputStream (&producer_), producer_ (view)
  {
  }
  DcmInputStreamFactory *newFactory () const override;

private:
  MemoryProducer producer_;
};

class MemoryFactory : public DcmInputStreamFactory
{
public:
  explicit MemoryFactory (const View &view) : view_ (view)
  {
  }
  DcmInputStream *create () const override
  {
    /* Nothing of a cut value, or DCMTK would make room for all that its header claims. */
    bool is_cut = view_.at == view_.bounds->cut_at && !view_.bounds->allow_cut;
    return new MemoryStream (is_cut ? View{view_.data, view_.at, view_.at, view_.bounds} : view_);
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
  View view_;
};

DcmInputStreamFactory *
MemoryStream::newFactory () const
{
  return new MemoryFactory (producer_.view ());
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

/* The one place where a DCMTK status becomes words; the usual ones get their own. */
const char *
words (const OFCondition &status)
{
  if (status == EC_StreamNotifyClient || status == EC_EndOfStream || status == EC_InvalidStream)
    return "they end early";
  if (status == EC_CorruptedData || status == EC_InvalidTag)
    return "an element is garbled";
  if (status == EC_MemoryExhausted)
    return "an element claims more memory than there is";
  return status.text ();
}

/* Codecs, logger and dictionary are global in DCMTK. */
gpointer
start_dcmtk (gpointer)
{
  OFLog::configure (OFLogger::OFF_LOG_LEVEL);
  dcmIgnoreParsingErrors.set (OFTrue); /* a vendor's broken private item must not hide the image */
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

} // namespace

struct _GonioDicomFile {
  GBytes *bytes = nullptr;
  GBytes *inflated = nullptr; /* data set of a deflated file */
  Bounds bounds;
  guint64 have = 0, need = 0; /* of the value that the end of the file cuts */
  DcmMetaInfo meta;
  DcmDataset dataset;
  OFString charset;
  OFString syntax_uid;
  E_TransferSyntax syntax = EXS_Unknown;
  GonioDicomCodec codec = GONIO_DICOM_NATIVE;
  const char *syntax_name = nullptr; /* ours; NULL: DCMTK's */

  ~_GonioDicomFile ()
  {
    dataset.clear (); /* before the bytes that its values point into */
    g_clear_pointer (&bytes, g_bytes_unref);
    g_clear_pointer (&inflated, g_bytes_unref);
  }
};

namespace
{

/* ---- parsing ---- */

void
choose_syntax (GonioDicomFile *f)
{
  f->meta.findAndGetOFString (DCM_TransferSyntaxUID, f->syntax_uid);
  f->syntax = f->syntax_uid.empty () ? EXS_Unknown : DcmXfer (f->syntax_uid.c_str ()).getXfer ();
  f->codec = GONIO_DICOM_NATIVE;
  if (const GonioDicomSyntax *known = gonio_dicom_find_syntax (f->syntax_uid.c_str ())) {
    f->codec = known->codec;
    f->syntax_name = known->name;
    /* Encapsulated syntaxes are all explicit little endian around the pixels. */
    if (f->syntax == EXS_Unknown)
      f->syntax = EXS_JPEGProcess1;
    return;
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

/* Reads meta header and data set. FALSE with an error only when unpacking is refused. */
gboolean
read_all (GonioDicomFile *f, OFCondition &status, GError **error)
{
  gsize size = 0;
  const guint8 *data = static_cast<const guint8 *> (g_bytes_get_data (f->bytes, &size));
  MemoryStream stream ({data, size, 0, &f->bounds});

  f->meta.transferInit ();
  status = f->meta.read (stream, EXS_Unknown, EGL_noChange, kKeepInMemory);
  f->meta.transferEnd ();
  if (status.bad ())
    return TRUE;
  choose_syntax (f);
  if (f->bounds.need <= DCM_PreambleLen + DCM_MagicLen) /* a short file without preamble */
    f->bounds.have = f->bounds.need = 0;
  f->dataset.transferInit ();
  if (f->syntax == EXS_DeflatedLittleEndianExplicit) {
    size_t at = static_cast<size_t> (stream.tell ());
    f->inflated = gonio_dicom_inflate (data + at, size - at, error);
    if (!f->inflated)
      return FALSE;
    data = static_cast<const guint8 *> (g_bytes_get_data (f->inflated, &size));
    MemoryStream inner ({data, size, 0, &f->bounds});
    status = f->dataset.read (inner, EXS_LittleEndianExplicit, EGL_noChange, kKeepInMemory);
  } else {
    status = f->dataset.read (stream, f->syntax, EGL_noChange, kKeepInMemory);
  }
  f->dataset.transferEnd ();
  return TRUE;
}

gboolean
parse (GonioDicomFile *f, GCancellable *cancellable, GError **error)
{
  char here = 0;
  OFCondition status;
  const char *trouble = nullptr;

  f->bounds.stack_top = &here;
  f->bounds.start = g_get_monotonic_time ();
  f->bounds.cancellable = cancellable;
  if (!read_all (f, status, error) || g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;
  trouble = f->bounds.trouble;
  f->have = f->bounds.have;
  f->need = f->bounds.need;
  size_t cut_at = f->bounds.cut_at;
  f->bounds = Bounds (); /* values that are loaded later are bounded by their lengths */
  f->bounds.cut_at = cut_at;
  if (trouble) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_LIMIT,
                 "the DICOM file is not a usual one: %s. Send the file again", trouble);
    return FALSE;
  }
  if ((status.bad () || f->need > 0) && !has_pixel_element (f)) {
    g_autofree char *amount = gonio_format_amount (f->have, f->need);
    if (f->need > 0)
      g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                   "the file ends in the middle of an element (%s). Copy or send it again", amount);
    else
      g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                   "the DICOM data are damaged before the pixels (%s). Copy or send the file again",
                   words (status));
    return FALSE;
  }
  f->dataset.findAndGetOFStringArray (DCM_SpecificCharacterSet, f->charset);
  return TRUE;
}

/* ---- attributes ---- */

DcmTagKey
key (guint32 tag)
{
  return DcmTagKey (static_cast<Uint16> (tag >> 16), static_cast<Uint16> (tag & 0xFFFF));
}

DcmItem *
sequence_item (DcmItem *item, const DcmTagKey &tag, signed long index)
{
  DcmItem *found = nullptr;
  return item && item->findAndGetSequenceItem (tag, found, index).good () ? found : nullptr;
}

/* The first element of this tag that holds something, by the rule of dicom.h. */
DcmElement *
find (GonioDicomFile *f, guint frame, guint32 where, guint32 tag)
{
  DcmItem *set = &f->dataset, *candidates[4] = {set, nullptr, nullptr, nullptr};
  DcmElement *element = nullptr;

  if (where == GONIO_DICOM_META) {
    candidates[0] = &f->meta;
  } else if (where != 0) {
    DcmItem *own =
        sequence_item (set, DCM_PerFrameFunctionalGroupsSequence, static_cast<signed long> (frame));
    DcmItem *shared = sequence_item (set, DCM_SharedFunctionalGroupsSequence, 0);
    candidates[0] = sequence_item (own, key (where), 0);
    candidates[1] = sequence_item (shared, key (where), 0);
    candidates[2] = sequence_item (set, key (where), 0);
    candidates[3] = set;
  }
  for (DcmItem *item : candidates)
    if (item && item->findAndGetElement (key (tag), element).good () && element &&
        element->getLength () > 0)
      return element;
  return nullptr;
}

/* Raw bytes of a short text element. */
bool
raw_text (DcmElement *element, std::string &out)
{
  char *text = nullptr;
  Uint32 length = 0;

  if (!element || element->getLength () > kMaxText || !element->isaString () ||
      element->getString (text, length).bad () || !text)
    return false;
  out.assign (text, length);
  return true;
}

char *
text_of (GonioDicomFile *f, DcmElement *element)
{
  std::string raw;
  return raw_text (element, raw) ? gonio_dicom_decode_text (raw.c_str (), f->charset.c_str (),
                                                            element->getVR () == EVR_PN)
                                 : nullptr;
}

/* Of numeric strings and of binary numbers alike: DCMTK prints the latter in full. */
bool
number_of (DcmElement *element, guint index, double &out)
{
  OFString value;
  char *end = nullptr;

  if (!element || element->getOFString (value, index).bad ())
    return false;
  out = g_ascii_strtod (value.c_str (), &end);
  return end != value.c_str ();
}

/* Descriptor: entries (0 means 65536), first input, bits. */
GonioDicomLut
lut_of (DcmElement *descriptor, DcmElement *data)
{
  GonioDicomLut lut = {};
  double count = 0, first = 0, bits = 0;
  Uint16 *words = nullptr;
  Uint8 *octets = nullptr;
  if (!data || data->getLength () > kMaxLut * 2 || !number_of (descriptor, 0, count) ||
      !number_of (descriptor, 1, first) || !number_of (descriptor, 2, bits))
    return lut;
  guint n = static_cast<guint16> (static_cast<gint32> (count));
  if (data->getUint16Array (words).good () && words)
    lut = gonio_dicom_lut_unpack (reinterpret_cast<const uint8_t *> (words), data->getLength (),
                                  G_BYTE_ORDER == G_BIG_ENDIAN, n ? n : kMaxLut);
  else if (data->getUint8Array (octets).good () && octets)
    lut = gonio_dicom_lut_unpack (octets, data->getLength (), FALSE, n ? n : kMaxLut);
  lut.first = static_cast<uint16_t> (static_cast<gint32> (first));
  lut.first_is_signed = descriptor->getVR () == EVR_SS;
  lut.bits = static_cast<guint> (CLAMP (bits, 0, 16));
  return lut;
}

/* The fragments of the pixel data, NULL when they are native or missing. */
DcmPixelSequence *
fragments_of (DcmPixelData *pixels)
{
  E_TransferSyntax kept = EXS_Unknown;
  const DcmRepresentationParameter *parameter = nullptr;
  DcmPixelSequence *sequence = nullptr;

  if (!pixels)
    return nullptr;
  pixels->getOriginalRepresentationKey (kept, parameter);
  return pixels->getEncapsulatedRepresentation (kept, parameter, sequence).good () ? sequence
                                                                                   : nullptr;
}

DcmPixelData *
pixels_of (GonioDicomFile *f)
{
  DcmElement *element = nullptr;
  return f->dataset.findAndGetElement (DCM_PixelData, element).good ()
             ? dynamic_cast<DcmPixelData *> (element)
             : nullptr;
}

/* ---- frames ---- */

GBytes *
read_native (GonioDicomFile *f, DcmPixelData *pixels, guint frame, guint64 frame_bytes,
             GError **error)
{
  guint64 start = frame * frame_bytes, end = start + frame_bytes, have = pixels->getLength ();

  if (f->need > 0 && f->need == have)
    have = f->have; /* this is the value that the end of the file cuts */
  if (end > have || end > G_MAXUINT32) {
    g_autofree char *amount = gonio_format_amount (have, end);
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the file ends in the middle of the pixel data (%s). Copy or send it again",
                 amount);
    return nullptr;
  }
  f->bounds.allow_cut = true; /* whole frames before the cut are good */
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

gboolean
item_starts_frame (guint index, gpointer data)
{
  DcmPixelItem *item = (*static_cast<std::vector<DcmPixelItem *> *> (data))[index];
  Uint8 *bytes = nullptr;
  gboolean starts = item->getUint8Array (bytes).good () && bytes &&
                    gonio_dicom_starts_frame (bytes, item->getLength ());
  item->compact ();
  return starts;
}

GBytes *
read_fragments (GonioDicomFile *f, DcmPixelSequence *sequence, const GonioDicom *d, guint frame,
                GError **error)
{
  std::vector<DcmPixelItem *> items;
  std::vector<guint32> sizes;
  Uint8 *table = nullptr;
  guint a = 0, b = 0;
  bool whole = true;
  g_autoptr (GByteArray) out = g_byte_array_new ();

  for (DcmObject *o = sequence->nextInContainer (nullptr); o; o = sequence->nextInContainer (o))
    if (DcmPixelItem *item = dynamic_cast<DcmPixelItem *> (o)) {
      items.push_back (item);
      sizes.push_back (item->getLength ());
    }
  if (!items.empty () && items[0]->getUint8Array (table).bad ())
    table = nullptr;
  GonioDicomFragments fragments = {static_cast<guint> (items.size ()), sizes.data (), table,
                                   item_starts_frame, &items};
  if (!gonio_dicom_find_fragments (&fragments, frame, d->frames, &a, &b)) {
    g_set_error (error, GONIO_IMAGE_ERROR, GONIO_IMAGE_ERROR_MALFORMED,
                 "the compressed pixel data have %u fragments, in which frame %u of %u cannot be "
                 "found. Copy or send the file again",
                 static_cast<guint> (items.empty () ? 0 : items.size () - 1), frame + 1, d->frames);
    return nullptr;
  }
  /* A value cut by the end of the file can only be the last fragment. */
  whole = f->need == 0 || b < items.size ();
  for (guint i = a; i < b && whole; i++) {
    Uint8 *data = nullptr;
    Uint32 length = items[i]->getLength ();
    whole = length == 0 || (items[i]->getUint8Array (data).good () && data);
    if (whole && length > 0)
      g_byte_array_append (out, data, length);
    items[i]->compact ();
  }
  if (!whole || out->len == 0) {
    set_error (error, GONIO_IMAGE_ERROR_MALFORMED,
               whole ? "the compressed pixel data are empty. Copy or send the file again"
                     : "the file ends in the middle of the compressed pixel data. "
                       "Copy or send it again");
    return nullptr;
  }
  return g_byte_array_free_to_bytes (static_cast<GByteArray *> (g_steal_pointer (&out)));
}

GBytes *
read_frame (GonioDicomFile *f, const GonioDicom *d, guint frame, guint64 frame_bytes,
            GError **error)
{
  DcmPixelData *pixels = pixels_of (f);
  DcmPixelSequence *sequence = fragments_of (pixels);

  if (!pixels || (d->codec != GONIO_DICOM_NATIVE && !sequence)) {
    set_error (error, GONIO_IMAGE_ERROR_MALFORMED,
               "the pixel data are of an unusual kind. Send the file again");
    return nullptr;
  }
  if (d->codec == GONIO_DICOM_NATIVE)
    return read_native (f, pixels, frame, frame_bytes, error);
  return read_fragments (f, sequence, d, frame, error);
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
                 words (status));
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
    return parse (file, cancellable, error);
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

void
gonio_dicom_file_encoding (GonioDicomFile *file, const char **out_uid, const char **out_name,
                           GonioDicomCodec *out_codec)
{
  guarded (nullptr, [&] () -> gboolean {
    E_TransferSyntax syntax =
        file->syntax == EXS_Unknown ? file->dataset.getOriginalXfer () : file->syntax;
    *out_uid = file->syntax_uid.c_str ();
    *out_name = file->syntax_name ? file->syntax_name : DcmXfer (syntax).getXferName ();
    *out_codec = file->codec;
    DcmPixelData *pixels = pixels_of (file);
    if (!pixels || file->codec == GONIO_DICOM_OTHER)
      return TRUE;
    /* What is there counts more than the meta header: pixels of defined length are native,
     * fragments without a compressed syntax are taken for the JPEG family. */
    if (!fragments_of (pixels))
      *out_codec = GONIO_DICOM_NATIVE;
    else if (file->codec == GONIO_DICOM_NATIVE)
      *out_codec = GONIO_DICOM_JPEG;
    return TRUE;
  });
}

gboolean
gonio_dicom_file_has (GonioDicomFile *file, guint32 tag)
{
  return guarded (nullptr, [&] () -> gboolean { return file->dataset.tagExists (key (tag)); });
}

char *
gonio_dicom_file_text (GonioDicomFile *file, guint frame, guint32 where, guint32 tag)
{
  char *text = nullptr;
  guarded (nullptr, [&] () -> gboolean {
    text = text_of (file, find (file, frame, where, tag));
    return text != nullptr;
  });
  return text;
}

gboolean
gonio_dicom_file_number (GonioDicomFile *file, guint frame, guint32 where, guint32 tag, guint index,
                         double *out)
{
  return guarded (nullptr, [&] () -> gboolean {
    double value = 0;
    if (!number_of (find (file, frame, where, tag), index, value) || !std::isfinite (value))
      return FALSE;
    *out = value;
    return TRUE;
  });
}

GonioDicomLut
gonio_dicom_file_lut (GonioDicomFile *file, guint32 where, guint32 descriptor, guint32 data)
{
  GonioDicomLut lut = {};
  guarded (nullptr, [&] () -> gboolean {
    lut = lut_of (find (file, 0, where, descriptor), find (file, 0, where, data));
    return TRUE;
  });
  return lut;
}

char *
gonio_dicom_sop_class_name (const char *uid)
{
  const char *keyword = dcmFindNameOfUID (uid, nullptr);
  return keyword ? gonio_dicom_spaced_name (keyword) : nullptr;
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
