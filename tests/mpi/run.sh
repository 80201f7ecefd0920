#!/bin/sh
# run.sh RANKS PROGRAM WORDS...: runs the program on that many ranks of this machine, over shared memory alone. Exits with 77
# (skipped) where there is no mpirun.
set -eu
ranks=$1
shift
if ! command -v mpirun >/dev/null; then
  echo "mpirun is not installed (Debian: openmpi-bin)"
  exit 77
fi
if [ "$(id -u)" = 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# A container may have no network, and may forbid a process to read another's memory.
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=self,vader OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
exec mpirun -n "$ranks" "$@"
