/* Seeking landmarks with a landmark model, and naming the view. Depends on models, imaging.
 *
 * Frame: px of the picture that is looked at (the rectified one), x right, y down. Blocking,
 * thread-safe for different pictures. */
#pragma once

#include "core/models/store.h"

G_BEGIN_DECLS

typedef struct {
  GonioPoint position;
  double sigma;      /* standard error per axis, px */
  double raw;        /* confidence as the network has it */
  double confidence; /* calibrated; 0 when the landmark is said to be absent */
  double presence;
} GonioFoundLandmark;

typedef struct {
  GonioFoundLandmark *points; /* as the manifest orders its landmarks */
  guint n;
  double mean_confidence, mean_presence; /* over the landmarks that count */
  guint n_present;                       /* landmarks said to be there */
  gboolean accepted;                     /* the picture shows the view */
  gboolean inverted;                     /* black and white had to be swapped */
  int quarter_turns;                     /* clockwise turns of the square that was looked through */
} GonioFind;
void gonio_find_clear (GonioFind *find);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioFind, gonio_find_clear)

/* Called before each run of the network, with the share done. */
typedef void (*GonioFindProgress) (double fraction, gpointer data);

enum { GONIO_FIND_ALL_TURNS = 0xf };

/* Asked once, when the upright looks do not convince: which quarter turns (1 to 3) are worth a
 * look, bit t for t turns clockwise. */
typedef gboolean (*GonioFindTurns) (gpointer data, guint *out_turns, GError **error);

typedef struct {
  GonioModel *model;
  const GonioSessionOptions *options;
  const GonioImage *image;
  const GonioWindow *window;  /* nullable */
  GonioSampleCache *cache;    /* nullable */
  GonioFindTurns turns;       /* nullable: all */
  GonioFindProgress progress; /* nullable */
  gpointer data;              /* of both */
  gboolean forced;            /* look closer even where there is nothing of the view */
} GonioFindRequest;

/* Looks at the whole picture as displayed and with black and white swapped; where that is not
 * convincing also turned by quarters. Then closer, as the manifest's refine says, unless the first
 * looks found next to nothing; in both polarities where the swapped one looked better upright. */
gboolean gonio_find_landmarks (const GonioFindRequest *request, GCancellable *cancellable,
                               GonioFind *out, GError **error);

/* What a classifier says: labels, owned by the model's manifest, and their probabilities, most
 * probable first; side from an output with the role "side" where there is one. The look is turned
 * clockwise by quarters. */
typedef struct {
  guint n;
  const char *views[GONIO_MODEL_MAX_LABELS];
  double probabilities[GONIO_MODEL_MAX_LABELS];
  const char *side; /* nullable */
  double side_probability;
} GonioViewGuess;
gboolean gonio_classify_view (GonioModel *model, const GonioSessionOptions *options,
                              const GonioModelLook *look, int quarter_turns,
                              GCancellable *cancellable, GonioViewGuess *out, GError **error);
/* Probability of a label, 0 for labels that it does not know. */
double gonio_view_probability (const GonioViewGuess *guess, const char *view);

/* What the file's tags say: a view's id, "other" for parts and projections that are none of
 * ours, NULL when they say nothing. out_words (nullable): the tag, owned by info. */
const char *gonio_view_from_tags (const GonioImageInfo *info, const char **out_words);

G_END_DECLS
