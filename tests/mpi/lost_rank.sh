#!/bin/sh
# lost_rank.sh RUN PROGRAM: a rank that leaves by an exception ends the whole job, though the others wait for its blocks.
set -eu
if sh "$1" 2 "$2" --leave-alone >lost_rank.log 2>&1; then
  echo "the job ended well without its last rank"
  exit 1
elif [ $? = 77 ]; then
  cat lost_rank.log
  exit 77
fi
grep 'this rank is lost' lost_rank.log
