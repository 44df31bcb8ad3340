/* Loading from memory, shared test data and random numbers for the imaging tests. */
#pragma once

#include "core/base/error.h"
#include "core/imaging/image.h"

G_BEGIN_DECLS

/* Recognises and reads like gonio_image_load(), without a file. */
GonioImage *gonio_fixture_load (GBytes *bytes, guint frame, GError **error);
GonioImage *gonio_fixture_load_limited (GBytes *bytes, guint frame, const GonioImageLimits *limits,
                                        GError **error);
/* Asserts that bytes are refused with this code and that the message contains needle. */
void gonio_fixture_assert_refused (GBytes *bytes, GonioImageError code, const char *needle);
/* The first size bytes. (transfer full) */
GBytes *gonio_fixture_cut (GBytes *bytes, size_t size);
/* A TIFF structure as EXIF has it, big-endian, with the focal length for 35 mm film and the size
 * of the picture that the camera wrote. (transfer full) */
GByteArray *gonio_fixture_exif_lens (guint focal_35mm, guint width, guint height);
/* Path below $GONIO_TEST_DATA, or NULL after g_test_skip(). (transfer full) */
char *gonio_fixture_data (const char *relative);

G_END_DECLS
