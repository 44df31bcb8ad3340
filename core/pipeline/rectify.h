/* From a dewarp network's proposal, or four corners by hand, to a transform that flattens a
 * photographed film. Depends on models/decode, imaging, measure/result.h.
 *
 * Frames: photo px (original picture) and flat px, both with edges at 0 and width. */
#pragma once

#include "core/measure/result.h"
#include "core/models/decode/decode.h"

G_BEGIN_DECLS

/* Camera tilt that wants a warning, and one that forbids confirming, when nothing is rectified
 * (clinical error of an angle: 0.9 and 3.6 degrees at worst). */
#define GONIO_TILT_WARN   10.0
#define GONIO_TILT_REFUSE 20.0

typedef enum { GONIO_PHOTO_FLAT, GONIO_PHOTO_PLANAR, GONIO_PHOTO_C_ARM } GonioPhotoKind;

typedef struct {
  GonioTransform *to_flat; /* photo px -> flat px */
  guint width, height;     /* of the flat picture */
  GonioRectification info; /* strings owned */
} GonioRectified;
void gonio_rectified_clear (GonioRectified *rectified);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioRectified, gonio_rectified_clear)

/* What four corners (top left, top right, bottom right, bottom left; photo px) of a rectangle
 * say about the camera, with its principal point in the middle of the picture. */
typedef struct {
  double focal; /* px: from the corners where they fix it, else as stated, else that of a phone's
                   main camera */
  gboolean focal_known;
  double tilt_deg; /* between optical axis and the film's normal */
  double aspect;   /* true width by height of the film */
} GonioCamera;
/* What the camera wrote about itself: focal length in px for a picture of that size, 0 when it says
 * nothing plausible. */
double gonio_camera_focal (const GonioImageInfo *info, double width, double height);
/* focal: px, 0 when unknown; corners that clearly say otherwise correct it. FALSE for
 * quadrilaterals that are not convex. */
gboolean gonio_camera_from_corners (const GonioPoint corners[4], double width, double height,
                                    double focal, GonioCamera *out);

/* Width and height of a flat picture with the aspect that keeps the area of the corners'
 * quadrilateral, edges at most 8192. */
void gonio_flat_size (const GonioPoint corners[4], double aspect, guint *out_width,
                      guint *out_height);

/* By hand. GONIO_IMAGE_ERROR for corners that are not a convex quadrilateral. */
gboolean gonio_rectify_corners (const GonioPoint corners[4], double width, double height,
                                double focal, GonioRectified *out, GError **error);

/* Moves the sides of a proposed quadrilateral (photo px) onto straight edges of the photo. FALSE,
 * and out left alone, unless all four are found. window: nullable. */
gboolean gonio_snap_corners (const GonioImage *image, const GonioWindow *window,
                             const GonioPoint corners[4], GonioPoint out[4]);

/* What a map is turned into a transform with. */
typedef struct {
  const GonioTransform *frame; /* photo px -> network input px */
  GonioPhotoKind kind;         /* not FLAT */
  double width, height;        /* of the photo */
  double focal;                /* px, 0 when unknown */
  double min_tilt;             /* degrees, see below */
  const GonioImage *image;     /* the photo, whose edges are looked for; nullable */
  const GonioWindow *window;   /* nullable */
} GonioRectifyHints;

/* From the network's map. planar: homography and, where it helps, a lens term, fitted robustly;
 * its sides are moved onto edges of the photo, and where all four are found that is it. Else:
 * used as it is when the map keeps close to it, else the smoothed map itself if it neither folds
 * nor bends sharply, both doubtful. Below min_tilt degrees the network's own error would do more
 * harm than the tilt: then the film is only turned upright and cut out, which leaves every angle
 * as it is ("crop"). c-arm: polynomial of order 3 or 5. An error (GONIO_IMAGE_ERROR_MALFORMED,
 * in words) says that the proposal cannot be used. */
gboolean gonio_rectify_map (const GonioBackwardMap *map, const GonioRectifyHints *hints,
                            GonioRectified *out, GError **error);
gboolean gonio_corners_are_convex (const GonioPoint corners[4]);

G_END_DECLS
