/* What the sub-commands of gonio-cli share. No GTK. Depends on core and app/backends.h.
 *
 * Machine-readable output goes to stdout, messages to stderr.
 */
#pragma once

#include "core/session/session.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum {
  GONIO_EXIT_DONE = 0,
  GONIO_EXIT_INPUT = 1,    /* the input is at fault */
  GONIO_EXIT_USAGE = 2,    /* the command line is */
  GONIO_EXIT_INTERNAL = 3, /* we are */
} GonioExit;

/* One sub-command; each has its own file. argv[0] is "gonio-cli GROUP NAME"; argv ends with
 * NULL and may be permuted, its strings belong to the caller. */
typedef struct _GonioCommand GonioCommand;
struct _GonioCommand {
  const char *group; /* nullable: "gonio-cli NAME" instead of "gonio-cli GROUP NAME" */
  const char *name;
  const char *arguments; /* one line for --help */
  const char *summary;
  GonioExit (*run) (const GonioCommand *command, int argc, char **argv);
};

GonioExit gonio_cli_doctor (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_measure (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_model_bench (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_model_check (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_model_compare (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_model_info (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_model_infer_shapes (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_model_profile (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_model_run (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_model_stats (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_model_test (const GonioCommand *command, int argc, char **argv);
GonioExit gonio_cli_ops (const GonioCommand *command, int argc, char **argv);

/* To stdout, as it is: g_print() would turn UTF-8 into question marks in the C locale; so
 * would g_printerr(), which is why errors are not printed with it either. */
void gonio_cli_print (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* Prints "gonio-cli: MESSAGE" to stderr and returns the exit code its domain stands for. */
GonioExit gonio_cli_fail (const GError *error);
GonioExit gonio_cli_usage (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Options that every command which opens a session has. Zero-initialise. */
typedef struct {
  char *backends;
  char *precision;
  int threads;
  char *level;
  char **disabled;
  char *dump_dir;
  char *log_level;
  gboolean strict;
  gboolean check_values;
  gint64 max_memory, max_rounds; /* MiB; both 0: the session's defaults */
  int timeout;                   /* seconds, 0: none */
  gboolean own_timeout;          /* the command has a --timeout that means something else */
} GonioCliSession;
void gonio_cli_session_clear (GonioCliSession *args);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GonioCliSession, gonio_cli_session_clear)

/* Parses the command's entries and, when session is not NULL, the session's. FALSE with
 * *out_exit set: stop there (--help was printed, or the usage is wrong). Positional arguments
 * stay in argv from 1 on; fewer than min_rest or more than max_rest (-1: any) are an error. */
gboolean gonio_cli_parse (const GonioCommand *command, const GOptionEntry *entries,
                          GonioCliSession *session, int min_rest, int max_rest, int *argc,
                          char ***argv, GonioExit *out_exit);

/* Session options from the arguments. *out_backends is what options points to, to be freed
 * with g_free after the last session was made. */
gboolean gonio_cli_session_options (const GonioCliSession *args, GonioSessionOptions *out_options,
                                    const GonioBackendDef ***out_backends, GError **error);

/* --precision; NULL: 32 bits. */
gboolean gonio_cli_parse_precision (const char *text, GonioPrecision *out_precision,
                                    GError **error);
/* gonio_backends_choose_for(), with a message for each named backend that is left out; strict: an
 * error instead. out_choices nullable. */
const GonioBackendDef **gonio_cli_choose_backends (const char *list, GonioPrecision precision,
                                                   gboolean strict, GPtrArray **out_choices,
                                                   GError **error);

/* timeout.c: what everything that takes long is given; NULL without --timeout. */
GCancellable *gonio_cli_cancellable (void);
/* Seconds of the timeout if it has struck, else 0. */
int gonio_cli_timed_out (void);
/* 0: none. gonio_cli_session_options() does it. */
void gonio_cli_start_timeout (int limit);

/* Size of a free dimension from --dim NAME=SIZE; 1 when none of dims (nullable) names it. */
gboolean gonio_cli_free_dimension (char **dims, const char *symbol, int64_t *out_size,
                                   GError **error);
/* As gonio_cli_seeded_inputs(), from a seed of the caller's choice. */
GPtrArray *gonio_cli_random_inputs (GonioSession *session, char **dims, int seed, GError **error);

/* One tensor per input of the session, filled from a fixed seed: floats in [-1, 1), integers
 * and bools 0 or 1, strings and lists empty. dims: "NAME=SIZE" for free dimensions,
 * NULL-terminated, nullable; others are 1. GPtrArray of GonioTensor*. */
GPtrArray *gonio_cli_seeded_inputs (GonioSession *session, char **dims, GError **error);
/* Names of the session's inputs, borrowed. */
GPtrArray *gonio_cli_input_names (GonioSession *session);
/* A .npy file (always a tensor), or a .pb file that holds a value of the given kind. dtype: what is
 * wanted, NONE for whatever there is, for gonio_cli_fit_npy(). */
GonioTensor *gonio_cli_load_value (const char *path, GonioKind kind, GonioDType dtype,
                                   GError **error);
/* A tensor of the type that gonio_tensor_save_npy() writes for dtype becomes one of dtype: floats
 * are rounded, integers must fit. Any other is returned as it is. (transfer full), consumes tensor
 * also when it fails. */
GonioTensor *gonio_cli_fit_npy (GonioTensor *tensor, GonioDType dtype, GError **error);

G_END_DECLS
