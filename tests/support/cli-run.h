/* Running gonio-cli in a folder of its own: for tests of what scripts rely on. */
#pragma once

#include <gio/gio.h>

/* program: path of gonio-cli. Makes the folder. */
void cli_start (const char *program);
/* Removes the folder. */
void cli_end (void);
/* Path of a file in the folder. (transfer full) */
char *cli_path (const char *name);
/* Writes a file into the folder, with the folders above it; consumes bytes. */
void cli_save (GByteArray *bytes, const char *name);

typedef struct {
  int code;
  char *out, *err;
} CliResult;
void cli_result_clear (CliResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CliResult, cli_result_clear)

/* arguments: separated by spaces; '@' stands for the folder. setup: nullable. */
CliResult cli_run (const char *arguments, GSpawnChildSetupFunc setup);
/* Fails the test unless the exit code is as given and both texts contain their parts. */
void cli_expect (const char *arguments, int code, const char *out_part, const char *err_part);
