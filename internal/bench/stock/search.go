package stock

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"leadrelay/internal/lead"
)

// RareSite has one of two thousand leads.
const RareSite = "torre"

// Person returns the n-th of many different leads. Names, words and properties are
// common and rare, as among people; e-mail and phone are nobody else's. What looks like
// spam has words that no other lead has.
func Person(n int) lead.Inquiry {
	random := rand.New(rand.NewPCG(1, uint64(n))) //nolint:gosec // the same each time
	some := func(all []string) string { return all[int(float64(len(all))*random.Float64()*random.Float64())] }
	name := some(firstNames) + " " + some(surnames) + " " + some(surnames)
	q := lead.Inquiry{
		Site: some([]string{Site, "lofts", "playa", "rentas"}), PropertyID: fmt.Sprintf("EB-%c%c%04d", 'A'+random.IntN(26), 'A'+random.IntN(26), random.IntN(40)),
		Name: name, Email: fmt.Sprintf("%s%d@%s", strings.ToLower(strings.ReplaceAll(lead.Fold(name), " ", ".")), n, some([]string{"gmail.com", "hotmail.com", "yahoo.com.mx", "outlook.com", "ejemplo.mx"})),
		Phone: fmt.Sprintf("%02d %04d %04d", 33+random.IntN(50), random.IntN(10_000), random.IntN(10_000)),
	}
	if n%2000 == 13 {
		q.Site = RareSite
	}
	if isSpam(n) {
		q.Message = "Gane dinero en el casino en línea, sin riesgo. "
	}
	sentences := 1 + random.IntN(3)
	for range sentences {
		q.Message += some(greetings) + " " + some(questions) + " "
	}
	for range random.IntN(8) {
		q.Message += some(places) + " "
	}
	return q
}

// PersonID returns the id of the n-th lead. They came a minute apart, more or less.
func PersonID(n int) lead.RemoteID {
	const minute = 60_000
	return lead.RemoteID(1<<33 + n*minute + n*7919%minute)
}

var (
	firstNames = strings.Fields(`María José Juan Ana Luis Guadalupe Carlos Laura Jorge Sofía Miguel Fernanda Alejandro Daniela Ricardo Gabriela Eduardo Patricia Roberto Verónica
		Fernando Claudia Javier Adriana Francisco Mónica Arturo Leticia Raúl Silvia Óscar Norma Héctor Rosa Sergio Elena Andrés Isabel Manuel Teresa Rubén Lucía Víctor Carmen Gerardo
		Valeria Enrique Paola Alberto Andrea Pedro Karla Ángel Diana Martín Rocío Hugo Beatriz Iván Alicia Julio Yolanda Ernesto Irma Rodrigo Lorena Armando Susana Felipe Ximena
		Ignacio Renata Tomás Regina Emilio Camila Nicolás Natalia Santiago Abigail Itzel Citlali Xóchitl Cuauhtémoc Nahuel Zoraida Wenceslao Eulalia Íñigo Ofelia`)
	surnames = strings.Fields(`Hernández García Martínez López González Pérez Rodríguez Sánchez Ramírez Cruz Flores Gómez Morales Vázquez Jiménez Reyes Díaz Torres Gutiérrez Ruiz Mendoza
		Aguilar Ortiz Moreno Castillo Romero Álvarez Méndez Chávez Rivera Juárez Ramos Domínguez Herrera Medina Castro Vargas Guzmán Velázquez Rojas Contreras Salazar Luna Ortega
		Guerrero Santiago Estrada Bautista Cortés Soto Alvarado Espinoza Lara Ávila Ríos Cervantes Silva Delgado Vega Márquez Sandoval Fernández León Carrillo Peña Solís Mejía
		Núñez Rosas Ibarra Campos Santos Camacho Navarro Valdez Maldonado Rosales Acosta Trejo Cabrera Miranda Pacheco Robles Molina Rangel Fuentes Huerta Meza Padilla Espinosa
		Ayala Mora Villanueva Serrano Zavala Tapia Ochoa Palacios Barrera Zamora Ñandú Quetzalcóatl Xicoténcatl Zubizarreta Wolburg`)
	greetings = strings.Split("Hola, buenas tardes.|Me interesa esta propiedad.|Buen día,|Quisiera más información.|Quiero agendar una visita.|Gracias.|Hola|Saludos cordiales,", "|")
	questions = strings.Split("¿Sigue disponible?|¿Cuál es el precio final?|¿Aceptan crédito Infonavit o bancario?|¿Cuántos metros tiene de terreno?|¿Se puede visitar el sábado por la mañana?|"+
		"Necesito tres recámaras y dos baños completos.|¿Tiene estacionamiento para dos autos y bodega?|Busco algo cerca del metro, de preferencia en planta baja.|"+
		"¿Está en esquina? Lo quiero para un consultorio.|¿Permiten mascotas? Tenemos un perro pequeño.|Mi presupuesto es de tres millones de pesos.", "|")
	places = strings.Fields(`Roma Condesa Polanco Coyoacán Narvarte Satélite Juriquilla Zapopan Tlaquepaque Providencia Cumbres Valle Mitras Angelópolis Lomas Cholula Mérida Progreso Cancún
		Playa Tulum Bacalar Chapalita Xochimilco Tlalpan Mixcoac Portales Escandón Anzures Tacubaya Iztaccíhuatl`)
)

// isSpam reports whether the n-th lead looks like spam.
func isSpam(n int) bool { return n%40 == 3 }

// stateOf returns the state of the n-th lead of so many, from the oldest to the newest.
// Most of them have arrived. What was discarded is old, and what waits has waited for
// long: the newest leads have other states than those who look for them.
func stateOf(n, total int) lead.State {
	switch tenth := n * 10 / total; {
	case isSpam(n):
		return lead.Quarantined
	case n%200 == 7:
		return lead.Failed
	case n%5000 == 11:
		return lead.Doubtful
	case tenth == 0 && n%10 == 5:
		return lead.Discarded
	case tenth == 8 && n%10 == 5:
		return lead.Queued
	case n%10 < 2:
		return lead.Delivered
	}
	return lead.Confirmed
}

// FillPeople makes a database of so many people's leads, a minute apart, the last of
// which came a day ago. It tells how many leads are there, now and then.
func FillPeople(ctx context.Context, path string, total int, tell func(n int)) error {
	if err := keepOne(ctx, path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)")
	if err != nil {
		return err
	}
	if err := errors.Join(insertPeople(ctx, db, total, tell), db.Close()); err != nil {
		return fmt.Errorf("fill %s: %w", path, err)
	}
	return flush(path)
}

func insertPeople(ctx context.Context, db *sql.DB, total int, tell func(n int)) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after a commit
	insert, err := tx.PrepareContext(ctx, `INSERT INTO leads (`+strings.Join(peopleColumns, ", ")+`) VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	if _, err := tx.ExecContext(ctx, `DELETE FROM leads`); err != nil {
		return err
	}
	at := peopleRows(total)
	for n := range total {
		row, err := at(n)
		if err != nil {
			return err
		}
		if _, err := insert.ExecContext(ctx, row...); err != nil {
			return err
		}
		if made := n + 1; made%tellEvery == 0 || made == total {
			tell(made)
		}
	}
	_, err = tx.ExecContext(ctx, `UPDATE remote_ids SET last = (SELECT max(remote_id) FROM leads) WHERE tick = 'ms'`)
	return errors.Join(err, tx.Commit())
}

// tellEvery is after how many leads it is told how many there are.
const tellEvery = 50_000

var peopleColumns = []string{"remote_id", "site", "state", "property_id", "body", "received_at", "due_at"}

// peopleRows returns the row of the n-th lead of so many.
func peopleRows(total int) func(n int) ([]any, error) {
	begun := time.Now().Add(-24*time.Hour - time.Duration(total)*time.Minute)
	return func(n int) ([]any, error) {
		q := Person(n)
		body, err := json.Marshal(q)
		if err != nil {
			return nil, err
		}
		at := begun.Add(time.Duration(n) * time.Minute)
		state, due := stateOf(n, total), any(nil)
		if state == lead.Queued {
			due = at.AddDate(10, 0, 0).UnixMilli() // not while it is measured
		}
		return []any{int64(PersonID(n)), q.Site, string(state), q.PropertyID, string(body), at.UnixMilli(), due}, nil
	}
}
