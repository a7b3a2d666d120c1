package lead_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestMeantEmail(t *testing.T) {
	for email, meant := range map[string]string{
		"ana@gmial.com": "ana@gmail.com", "Ana.Luz+x@hotmial.com": "Ana.Luz+x@hotmail.com", "ana@gmail.con": "ana@gmail.com", "ana@hotmai.cm": "ana@hotmail.com",
		" Ana <Ana@GMIAL.com> ": "Ana@gmail.com",
		"ana@yaho.com.mx":       "ana@yahoo.com.mx", "ana@yahoo.con.mx": "ana@yahoo.com.mx", "ana@outlok.es": "ana@outlook.es", "ana@icloud.co": "ana@icloud.com",

		"ana@gmial.com.mx": "ana@gmail.com", "ana@hotmial.com.mx": "ana@hotmail.com.mx", "ana@yaho.co.uk": "ana@yahoo.co.uk",

		"ana@gmil.mx": "", "ana@gmil.casas.mx": "", "ana@gmal.fr": "", "ana@hotmal.casas.mx": "", "ana@yaho.travel": "", "ana@gmail.fr": "", "ana@gmail.com.mx": "",
		"ana@email.com": "", "ana@gmx.com": "", "ana@grail.com": "", "ana@cloud.com": "", "ana@hotmail.com.mx": "", "ana@outlook.es": "", "ana@mailw.com": "",
		"ana@gmail.com": "", "ana@hotmail.es": "", "ana@yahoo.com.mx": "", "ana@yahoo.co.uk": "", "ana@mail.com": "", "ana@ymail.com": "", "ana@live.com.mx": "",
		"ana@casas.co": "", "ana@gmail.casas.mx": "", "ana@casas.mx": "", "": "", "ana": "", "@gmial.com": "", "ana@gmial": "", "gmial.com": "",
	} {
		require.Equal(t, meant, lead.MeantEmail(email), email)
	}
}
