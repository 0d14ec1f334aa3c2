/* The entry point of the hosted program, which the tests build with sanitizers. */
#include <stdlib.h>

#include "run.h"

extern char **environ;

int main(int argc, char **argv)
{
	init_main(argc, argv, environ);
}
