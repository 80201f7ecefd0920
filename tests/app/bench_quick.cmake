# Runs the benchmark FILE with PROGRAM in OUT, anew.
file(REMOVE_RECURSE ${OUT})
execute_process(COMMAND ${PROGRAM} bench ${FILE} --jobs 2 --out ${OUT} --quiet RESULT_VARIABLE status)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "ergon bench ${FILE} ended with status ${status}")
endif()
