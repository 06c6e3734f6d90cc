// The allocator of the C library, which the Swift overlay leaves out.
#include <malloc.h>
