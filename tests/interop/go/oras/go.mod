module tools

go 1.25.0

require oras.land/oras v1.3.3
