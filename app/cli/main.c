/* gonio-cli: one table of sub-commands. */
#include "app/backends.h"
#include "app/cli/cli.h"

#include <locale.h>
#include <string.h>

static const GonioCommand commands[] = {
    {NULL, "doctor", "", "What this machine and this program can do.", gonio_cli_doctor},
    {NULL, "measure", "FILE...", "Measure bone angles on X-rays.", gonio_cli_measure},
    {NULL, "ops", "", "Which operators run on which backend.", gonio_cli_ops},
    {"model", "info", "MODEL", "What is in a model file.", gonio_cli_model_info},
    {"model", "check", "MODEL", "Can every node run?", gonio_cli_model_check},
    {"model", "run", "MODEL", "Run a model on given inputs.", gonio_cli_model_run},
    {"model", "test", "DIR...", "Run ONNX backend tests.", gonio_cli_model_test},
    {"model", "bench", "MODEL", "Measure times, memory and placement.", gonio_cli_model_bench},
    {"model", "profile", "MODEL", "Time of every node.", gonio_cli_model_profile},
    {"model", "compare", "MODEL", "Compare every value, on two backends or with files.",
     gonio_cli_model_compare},
    {"model", "infer-shapes", "MODEL", "The graph with types and shapes.",
     gonio_cli_model_infer_shapes},
    {"model", "stats", "MODEL", "What the numbers of every value are like.", gonio_cli_model_stats},
};

static char *
full_name (const GonioCommand *command)
{
  return command->group != NULL ? g_strdup_printf ("%s %s", command->group, command->name)
                                : g_strdup (command->name);
}

static char *
list_commands (void)
{
  GString *text = g_string_new ("Usage: gonio-cli COMMAND [ARGUMENTS], where COMMAND is\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++) {
    g_autofree char *name = full_name (&commands[i]);
    g_string_append_printf (text, "  %-20s %s\n", name, commands[i].summary);
  }
  g_string_append (text, "gonio-cli COMMAND --help explains a command; --version says which "
                         "program this is.\n");
  return g_string_free (text, FALSE);
}

static const GonioCommand *
find_command (int argc, char **argv, int *out_words)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++) {
    const GonioCommand *command = &commands[i];
    int words = command->group != NULL ? 2 : 1;
    const char *first = command->group != NULL ? command->group : command->name;
    if (argc <= words || strcmp (argv[1], first) != 0 ||
        (words == 2 && strcmp (argv[2], command->name) != 0))
      continue;
    *out_words = words;
    return command;
  }
  return NULL;
}

int
main (int argc, char **argv)
{
  int status;
  if (gonio_backends_main (argc, argv, &status))
    return status;
  setlocale (LC_ALL, "");
  g_log_writer_default_set_use_stderr (TRUE);
  g_autofree char *usage = list_commands ();
  if (argc > 1 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0)) {
    gonio_cli_print ("%s", usage);
    return GONIO_EXIT_DONE;
  }
  if (argc > 1 && strcmp (argv[1], "--version") == 0) {
    gonio_cli_print ("gonio-cli %s\n", GONIO_VERSION);
    return GONIO_EXIT_DONE;
  }
  int words;
  const GonioCommand *command = find_command (argc, argv, &words);
  if (command == NULL) {
    g_printerr ("%s", usage);
    return GONIO_EXIT_USAGE;
  }
  g_autofree char *own = full_name (command);
  g_autofree char *name = g_strconcat ("gonio-cli ", own, NULL);
  argv += words;
  argv[0] = name;
  g_set_prgname ("gonio-cli");
  return command->run (command, argc - words, argv);
}
